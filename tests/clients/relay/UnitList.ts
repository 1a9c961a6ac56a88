// Units in sight, found by name, a page at a time.

import { graphql } from "react-relay";

export const query = graphql`
  query UnitListQuery {
    ...UnitList_units
  }
`;

export const units = graphql`
  fragment UnitList_units on Query
  @refetchable(queryName: "UnitListPageQuery")
  @argumentDefinitions(
    first: { type: "Int", defaultValue: 4 }
    after: { type: "String" }
    filter: { type: "UnitFilter" }
  ) {
    units(first: $first, after: $after, filter: $filter)
      @connection(key: "UnitList_units") {
      edges {
        node {
          ...UnitPage_row
        }
      }
    }
  }
`;
