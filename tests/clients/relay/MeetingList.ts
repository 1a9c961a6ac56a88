// The meetings in reach, a page at a time, and each of them alone; one that is recorded is put in
// front of the list.

import { graphql } from "react-relay";

export const query = graphql`
  query MeetingListQuery($within: String) {
    viewer {
      name
      appointments {
        role
        unit {
          code
        }
      }
    }
    ...MeetingList_meetings @arguments(within: $within)
  }
`;

export const meetings = graphql`
  fragment MeetingList_meetings on Query
  @refetchable(queryName: "MeetingListPageQuery")
  @argumentDefinitions(
    first: { type: "Int", defaultValue: 2 }
    after: { type: "String" }
    within: { type: "String" }
    filter: { type: "MeetingFilter" }
    orderBy: { type: "RecordOrder", defaultValue: OLDEST_FIRST }
  ) {
    meetings(first: $first, after: $after, within: $within, filter: $filter, orderBy: $orderBy)
      @connection(key: "MeetingList_meetings", filters: ["within", "filter"]) {
      edges {
        node {
          ...MeetingList_meeting
        }
      }
    }
  }
`;

export const meeting = graphql`
  fragment MeetingList_meeting on Meeting @refetchable(queryName: "MeetingListMeetingQuery") {
    revision
    heldOn
    meetingKind: kind
    form
    topic
    membersExpected
    membersPresent
    score
    unit {
      ...UnitPage_row
    }
  }
`;

export const record = graphql`
  mutation MeetingListRecordMutation($input: RecordMeetingInput!, $connections: [ID!]!) {
    recordMeeting(input: $input) @prependNode(connections: $connections, edgeTypeName: "MeetingEdge") {
      ...MeetingList_meeting
    }
  }
`;

export const withdraw = graphql`
  mutation MeetingListWithdrawMutation(
    $id: ID!
    $revision: Int!
    $reason: String!
    $connections: [ID!]!
  ) {
    withdraw(id: $id, revision: $revision, reason: $reason) @deleteEdge(connections: $connections)
  }
`;
