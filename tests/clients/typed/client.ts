// A small client in TypeScript, with plain fetch: `node client.ts URL UNIT`, with the token in
// CHIBO_TOKEN. It reads all meetings of the unit's subtree, two at a time, records one twice under
// one key, and prints what it was answered.

import { readFile } from "node:fs/promises";
import type {
  FiguresQuery,
  FiguresQueryVariables,
  MeetingFieldsFragment,
  MeetingsQuery,
  MeetingsQueryVariables,
  RecordMeetingInput,
  RecordMeetingMutation,
  RecordMeetingMutationVariables,
  UnitQuery,
  UnitQueryVariables,
} from "./operations.ts";
import type { MeetingSummary, Unit } from "./schema.ts";

type Operations = {
  Unit: { asked: UnitQueryVariables; answered: UnitQuery };
  Meetings: { asked: MeetingsQueryVariables; answered: MeetingsQuery };
  Figures: { asked: FiguresQueryVariables; answered: FiguresQuery };
  RecordMeeting: { asked: RecordMeetingMutationVariables; answered: RecordMeetingMutation };
};

type Answer<Data> = { data?: Data | null; errors?: { message: string }[] };

export class Client {
  readonly url: string;
  readonly token: string;
  readonly documents: string;

  constructor(url: string, token: string, documents: string) {
    this.url = url;
    this.token = token;
    this.documents = documents;
  }

  async ask<Name extends keyof Operations>(
    operationName: Name,
    variables: Operations[Name]["asked"],
  ): Promise<Operations[Name]["answered"]> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: JSON.stringify({ query: this.documents, operationName, variables }),
    });
    const answer = (await response.json()) as Answer<Operations[Name]["answered"]>;
    if (answer.errors || !answer.data) throw new Error(JSON.stringify(answer.errors));
    return answer.data;
  }

  async *meetings(within: string): AsyncGenerator<MeetingFieldsFragment> {
    let after: string | null = null;
    do {
      const { meetings }: MeetingsQuery = await this.ask("Meetings", { within, first: 2, after });
      if (!meetings) return;
      yield* meetings.nodes;
      after = meetings.pageInfo.hasNextPage ? meetings.pageInfo.endCursor : null;
    } while (after !== null);
  }
}

const regular: Omit<RecordMeetingInput, "unitCode" | "clientKey"> = {
  heldOn: "2024-06-05",
  kind: "REGULAR",
  form: "IN_PERSON",
  membersExpected: 9,
  membersPresent: 8,
};

async function main(url: string, token: string, code: string): Promise<void> {
  const documents = await readFile(new URL("documents.graphql", import.meta.url), "utf-8");
  const client = new Client(url, token, documents);
  const days: string[] = [];
  for await (const meeting of client.meetings(code)) days.push(meeting.heldOn);
  const input = { ...regular, unitCode: code, clientKey: "typed" };
  const recorded = await client.ask("RecordMeeting", { input });
  const again = await client.ask("RecordMeeting", { input });
  const { unit } = await client.ask("Unit", { code });
  const named: Pick<Unit, "name"> | null = unit;
  const { meetingSummary } = await client.ask("Figures", { within: code, groupBy: ["YEAR"] });
  const first: Pick<MeetingSummary, "meetings"> | undefined = meetingSummary?.[0];
  console.log(
    JSON.stringify({
      days,
      name: named?.name,
      isOne: recorded.recordMeeting.id === again.recordMeeting.id,
      meetings: first?.meetings,
    }),
  );
}

const [, , url, code] = process.argv;
await main(url ?? "", process.env["CHIBO_TOKEN"] ?? "", code ?? "");
