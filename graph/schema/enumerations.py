"""The enumerations, in the order in which groups are sorted."""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

import strawberry

from hierarchy.decision import ChangeKind
from hierarchy.placements import UnitStatus
from records.lists import RecordOrder
from records.record import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
    RecordChangeKind,
    RecordKind,
)
from records.summaries import Attribution

__all__ = [
    "Attribution",
    "ChangeKind",
    "InspectionBody",
    "InspectionGround",
    "InspectionKind",
    "InspectionStatus",
    "MeetingForm",
    "MeetingKind",
    "Rating",
    "RecordChangeKind",
    "RecordKind",
    "RecordOrder",
    "UnitStatus",
    "enumeration",
]

EnumT = TypeVar("EnumT", bound=type[Enum])


def enumeration(description: str, **values: str) -> Callable[[EnumT], EnumT]:
    """Makes an enumeration one of the schema: what it is, and what each of its values is."""

    def described(members: EnumT) -> EnumT:
        definition: Any = strawberry.enum(members, description=description)
        for value in definition.__strawberry_definition__.values:
            value.description = values[value.name]
        return members

    return described


enumeration(
    "What may be changed about the tree: seven kinds of change.",
    ESTABLISH="A unit is founded (thành lập).",
    TRANSFER="A unit goes under another (chuyển giao).",
    MERGE="A unit is closed and another takes over from it (sáp nhập, hợp nhất).",
    SPLIT="A part takes over from a unit (chia, tách).",
    DISSOLVE="A unit is closed (giải thể).",
    RENAME="A unit is called otherwise (đổi tên).",
    RECLASSIFY="A unit is of another kind or category (nâng cấp, chuyển loại hình).",
)(ChangeKind)
enumeration(
    "Whether a unit is open on the day asked for.",
    OPEN="It stands.",
    CLOSED="It was dissolved, merged or split up.",
    ANY="Open or closed.",
)(UnitStatus)
enumeration(
    "By the record's date, ties in one stable order.",
    NEWEST_FIRST="The latest date first.",
    OLDEST_FIRST="The earliest date first.",
)(RecordOrder)
enumeration(
    "Under which unit a record counts: where its unit stands on `asOf`, or where it stood on the "
    "record's own day. It moves records, it does not choose them: filters do.",
    AS_OF="Where its unit stands on `asOf`, today if that is left out.",
    AS_RECORDED="Where its unit stood on the record's own day; it takes no `asOf`.",
)(Attribution)
enumeration(
    "Kinds of meeting.",
    REGULAR="The branch's monthly one (sinh hoạt thường kỳ).",
    THEMATIC="On one subject, at least once a quarter (sinh hoạt chuyên đề).",
    COMMITTEE="Of a committee or its standing committee (họp cấp ủy, đảng ủy, ban thường vụ).",
    ASSEMBLY="Of a whole grassroots organisation, at least twice a year (sinh hoạt đảng bộ cơ sở).",
    GROUP="Of a group within a branch (sinh hoạt tổ đảng).",
)(MeetingKind)
enumeration(
    "How a meeting was held.",
    IN_PERSON="In one room.",
    ONLINE="By network.",
    HYBRID="In one room, with some by network.",
)(MeetingForm)
enumeration(
    "The four ratings of a unit, best first.",
    EXCELLENT="Hoàn thành xuất sắc nhiệm vụ.",
    GOOD="Hoàn thành tốt nhiệm vụ.",
    COMPLETED="Hoàn thành nhiệm vụ.",
    NOT_COMPLETED="Không hoàn thành nhiệm vụ.",
)(Rating)
enumeration(
    "Inspection or supervision.",
    INSPECTION="Inspection (kiểm tra).",
    SUPERVISION="Supervision (giám sát).",
)(InspectionKind)
enumeration(
    "The programme, signs of violation, or a complaint.",
    PROGRAMME="It is in the year's programme (theo chương trình).",
    SIGNS="There are signs of violation (khi có dấu hiệu vi phạm).",
    COMPLAINT="Somebody complained (đơn thư).",
)(InspectionGround)
enumeration(
    "Which body of the inspecting unit inspects.",
    COMMITTEE="Its committee (cấp ủy).",
    INSPECTION_COMMISSION="Its inspection commission (ủy ban kiểm tra).",
    BRANCH="The branch itself (chi bộ).",
)(InspectionBody)
enumeration(
    "How far an inspection has come.",
    PLANNED="It is to come.",
    OPEN="It was begun and is not concluded.",
    CONCLUDED="It is concluded.",
    CANCELLED="It will not be held, or not be concluded.",
)(InspectionStatus)
enumeration(
    "Kinds of record.",
    MEETING="A meeting of a unit (sinh hoạt).",
    EVALUATION="A unit's evaluation of a year (đánh giá, xếp loại).",
    INSPECTION="An inspection or supervision of a unit (kiểm tra, giám sát).",
)(RecordKind)
enumeration(
    "What was done to a record.",
    RECORDED="It was recorded first.",
    REVISED="It says something else now.",
    WITHDRAWN="It is there no more.",
)(RecordChangeKind)
