// What the types refuse: tsc fails where one of these lines would be accepted.

import type { ChangeInput, MeetingFieldsFragment, MeetingFilter, UnitQuery } from "./operations.ts";
import type { Meeting, QueryMeetingsArgs } from "./schema.ts";

declare const meeting: MeetingFieldsFragment;
declare const answer: UnitQuery;
declare const stored: Meeting;

// @ts-expect-error a day is a text
export const day: Date = meeting.heldOn;
// @ts-expect-error a score may be null
export const score: number = meeting.score;
// @ts-expect-error a unit may be out of sight
export const name: string = answer.unit.name;
// @ts-expect-error this was not asked for
export const topic = meeting.topic;
// @ts-expect-error there is no such kind of meeting
export const filter: MeetingFilter = { kind: ["PARTY"] };
// @ts-expect-error a change is of one kind
export const change: ChangeInput = { dissolve: { unit: "A" }, rename: { unit: "A", name: "B" } };
// @ts-expect-error a page has a number of elements
export const asked: QueryMeetingsArgs = { first: "2" };
// @ts-expect-error there is no such field
export const missing = stored.secretary;
