// Whatever an id names, from a link that somebody was sent.

import { graphql } from "react-relay";

export const query = graphql`
  query ThingQuery($id: ID!) {
    node(id: $id) {
      __typename
      id
      ...UnitPage_row @alias(as: "unit")
      ...MeetingList_meeting @alias(as: "meeting")
      ... on Evaluation {
        year
        rating
        fourGoods
      }
      ... on Inspection {
        status
        by {
          ...UnitPage_row
        }
      }
      ... on Decision {
        number
        changes {
          kind
          detail
        }
      }
    }
  }
`;
