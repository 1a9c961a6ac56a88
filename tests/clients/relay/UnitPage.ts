// A unit's page: its own fields, the way up, and its children a page at a time. What is below is
// asked for anew through node(id).

import { graphql } from "react-relay";

export const query = graphql`
  query UnitPageQuery($code: String!, $children: Int) {
    unit(code: $code) {
      ...UnitPage_head
      ...UnitPage_children @arguments(first: $children)
      ...UnitPage_figures
    }
  }
`;

export const head = graphql`
  fragment UnitPage_head on Unit @refetchable(queryName: "UnitPageHeadQuery") {
    ...UnitPage_row
    establishedOn
    path {
      ...UnitPage_row
    }
    history {
      from
      to
      name
    }
  }
`;

export const row = graphql`
  fragment UnitPage_row on Unit {
    code
    name
    category
    closedOn
    kind {
      code
      name
      rank
    }
  }
`;

export const children = graphql`
  fragment UnitPage_children on Unit
  @refetchable(queryName: "UnitPageChildrenQuery")
  @argumentDefinitions(
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
    filter: { type: "UnitFilter" }
  ) {
    children(first: $first, after: $after, filter: $filter)
      @connection(key: "UnitPage_children") {
      totalCount
      edges {
        node {
          ...UnitPage_row
        }
      }
    }
  }
`;

export const figures = graphql`
  fragment UnitPage_figures on Unit
  @refetchable(queryName: "UnitPageFiguresQuery")
  @argumentDefinitions(
    filter: { type: "MeetingFilter" }
    groupBy: { type: "[MeetingGrouping!]", defaultValue: [CHILD, YEAR] }
  ) {
    meetingSummary(filter: $filter, groupBy: $groupBy) {
      child {
        ...UnitPage_row
      }
      period
      meetings
      attendanceRate
      averageScore
    }
    evaluationSummary(groupBy: [RATING]) {
      rating
      evaluations
    }
    inspectionSummary(groupBy: [STATUS]) {
      status
      inspections
    }
  }
`;
