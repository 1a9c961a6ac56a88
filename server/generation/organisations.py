"""What stands under a committee: grassroots organisations by their work, and their branches' names.

Names are of bodies and places, never of a person. `{u}` stands for the place as spoken ("huyện
Quế Phong"), `{n}` for its bare name ("Quế Phong"). Categories are those of `domain.md`, section 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

COMMUNE = "xã"
WARD = "phường, thị trấn"
PARTY = "cơ quan đảng, đoàn thể"
ADMINISTRATION = "cơ quan hành chính"
JUSTICE = "cơ quan tư pháp"
SERVICE = "đơn vị sự nghiệp công lập"
SCHOOL = "trường học"
STATE_ENTERPRISE = "doanh nghiệp nhà nước"
PRIVATE_ENTERPRISE = "doanh nghiệp ngoài khu vực nhà nước"
FOREIGN_ENTERPRISE = "doanh nghiệp có vốn đầu tư nước ngoài"
ARMED = "lực lượng vũ trang"


@dataclass(frozen=True, slots=True)
class Pattern:
    """An organisation: its name without "Đảng bộ" or "Chi bộ", and its usual size in branches."""

    name: str
    category: str
    size: float


def _patterns(category: str, size: float, *names: str) -> tuple[Pattern, ...]:
    return tuple(Pattern(name, category, size) for name in names)


DISTRICT = (
    *_patterns(PARTY, 7, "các cơ quan Đảng {u}"),
    *_patterns(PARTY, 2, "Mặt trận Tổ quốc và các đoàn thể {u}"),
    *_patterns(ADMINISTRATION, 9, "cơ quan chính quyền {u}"),
    *_patterns(
        ADMINISTRATION, 2, "Kho bạc Nhà nước {n}", "Chi cục Thuế {n}", "Bảo hiểm xã hội {n}"
    ),
    *_patterns(ADMINISTRATION, 1, "Chi cục Thống kê {n}", "Hạt Kiểm lâm {n}"),
    *_patterns(JUSTICE, 1, "Tòa án nhân dân {u}", "Viện kiểm sát nhân dân {u}"),
    *_patterns(JUSTICE, 1, "Chi cục Thi hành án dân sự {u}"),
    *_patterns(ARMED, 10, "Công an {u}"),
    *_patterns(ARMED, 5, "Quân sự {u}"),
    *_patterns(SERVICE, 8, "Trung tâm Y tế {n}", "Bệnh viện đa khoa {n}"),
    *_patterns(SERVICE, 2, "Trung tâm Giáo dục nghề nghiệp - Giáo dục thường xuyên {n}"),
    *_patterns(SERVICE, 1, "Trung tâm Chính trị {u}", "Trung tâm Dịch vụ nông nghiệp {n}"),
    *_patterns(SERVICE, 1, "Trung tâm Văn hóa, Thể thao và Truyền thông {n}"),
    *_patterns(SERVICE, 1, "Ban Quản lý rừng phòng hộ {n}", "Ban Quản lý dự án {u}"),
    *_patterns(SCHOOL, 4, "Trường Trung học phổ thông {n} 1", "Trường Trung học phổ thông {n} 2"),
    *_patterns(SCHOOL, 3, "Trường Trung học phổ thông {n} 3"),
    *_patterns(SCHOOL, 2, "Trường Phổ thông Dân tộc nội trú {n}"),
    *_patterns(STATE_ENTERPRISE, 2, "Điện lực {n}", "Công ty Thủy lợi {n}", "Bưu điện {u}"),
    *_patterns(STATE_ENTERPRISE, 2, "Agribank chi nhánh {n}", "Ngân hàng Chính sách xã hội {n}"),
    *_patterns(STATE_ENTERPRISE, 3, "Công ty Lâm nghiệp {n}"),
)

BLOC = (
    *_patterns(
        PARTY,
        5,
        "Văn phòng Tỉnh ủy",
        "Ban Tổ chức Tỉnh ủy",
        "Ủy ban Kiểm tra Tỉnh ủy",
        "Ban Tuyên giáo Tỉnh ủy",
        "Ban Dân vận Tỉnh ủy",
        "Ban Nội chính Tỉnh ủy",
        "Ủy ban Mặt trận Tổ quốc tỉnh",
        "Liên đoàn Lao động tỉnh",
        "Hội Nông dân tỉnh",
        "Hội Liên hiệp Phụ nữ tỉnh",
        "Tỉnh đoàn",
        "Hội Cựu chiến binh tỉnh",
        "Báo Nghệ An",
    ),
    *_patterns(
        ADMINISTRATION,
        8,
        "Văn phòng Ủy ban nhân dân tỉnh",
        "Sở Nội vụ",
        "Sở Tài chính",
        "Sở Kế hoạch và Đầu tư",
        "Sở Công Thương",
        "Sở Xây dựng",
        "Sở Giao thông vận tải",
        "Sở Nông nghiệp và Phát triển nông thôn",
        "Sở Tài nguyên và Môi trường",
        "Sở Khoa học và Công nghệ",
        "Sở Giáo dục và Đào tạo",
        "Sở Y tế",
        "Sở Văn hóa và Thể thao",
        "Sở Du lịch",
        "Sở Thông tin và Truyền thông",
        "Sở Lao động - Thương binh và Xã hội",
        "Sở Tư pháp",
        "Thanh tra tỉnh",
        "Ban Dân tộc tỉnh",
        "Cục Thuế tỉnh",
        "Cục Hải quan tỉnh",
        "Kho bạc Nhà nước tỉnh",
    ),
    *_patterns(JUSTICE, 5, "Tòa án nhân dân tỉnh", "Viện kiểm sát nhân dân tỉnh"),
    *_patterns(JUSTICE, 4, "Cục Thi hành án dân sự tỉnh"),
    *_patterns(SERVICE, 34, "Bệnh viện Hữu nghị Đa khoa tỉnh"),
    *_patterns(SERVICE, 22, "Bệnh viện Sản Nhi", "Bệnh viện Ung bướu"),
    *_patterns(SERVICE, 6, "Trung tâm Kiểm soát bệnh tật tỉnh", "Đài Phát thanh và Truyền hình"),
    *_patterns(SCHOOL, 48, "Trường Đại học Vinh"),
    *_patterns(SCHOOL, 16, "Trường Đại học Y khoa Vinh", "Trường Đại học Kinh tế Nghệ An"),
    *_patterns(SCHOOL, 10, "Trường Cao đẳng Sư phạm Nghệ An", "Trường Chính trị tỉnh"),
    *_patterns(SCHOOL, 6, "Trường Cao đẳng Việt - Đức", "Trường Cao đẳng Kỹ thuật số 4"),
    *_patterns(STATE_ENTERPRISE, 14, "Công ty Điện lực Nghệ An", "Viễn thông Nghệ An"),
    *_patterns(STATE_ENTERPRISE, 8, "Bưu điện tỉnh Nghệ An", "Công ty Xăng dầu Nghệ An"),
    *_patterns(STATE_ENTERPRISE, 6, "BIDV chi nhánh Nghệ An", "Vietcombank chi nhánh Vinh"),
    *_patterns(STATE_ENTERPRISE, 6, "VietinBank chi nhánh Nghệ An", "Agribank Nghệ An"),
    *_patterns(STATE_ENTERPRISE, 7, "Cảng Nghệ Tĩnh", "Công ty Cấp nước Nghệ An"),
    *_patterns(FOREIGN_ENTERPRISE, 3, "Công ty Điện tử Khu công nghiệp VSIP", "Công ty Gỗ MDF"),
    *_patterns(FOREIGN_ENTERPRISE, 2, "Công ty Dệt may Khu công nghiệp Bắc Vinh"),
)

POLICE = _patterns(
    ARMED,
    4,
    "Phòng Tham mưu Công an",
    "Phòng Tổ chức cán bộ Công an",
    "Phòng Công tác Đảng và công tác chính trị Công an",
    "Phòng An ninh đối nội",
    "Phòng An ninh kinh tế",
    "Phòng An ninh mạng và phòng, chống tội phạm công nghệ cao",
    "Phòng Quản lý xuất nhập cảnh",
    "Phòng Cảnh sát hình sự",
    "Phòng Cảnh sát kinh tế",
    "Phòng Cảnh sát điều tra tội phạm về ma túy",
    "Phòng Cảnh sát môi trường",
    "Phòng Cảnh sát giao thông",
    "Phòng Cảnh sát quản lý hành chính về trật tự xã hội",
    "Phòng Cảnh sát phòng cháy, chữa cháy và cứu nạn, cứu hộ",
    "Phòng Cảnh sát cơ động",
    "Phòng Kỹ thuật hình sự",
    "Phòng Hậu cần Công an",
    "Thanh tra Công an",
    "Văn phòng Cơ quan Cảnh sát điều tra",
    "Trại tạm giam",
    "Bệnh xá Công an",
)

MILITARY = _patterns(
    ARMED,
    5,
    "Phòng Tham mưu Bộ Chỉ huy quân sự",
    "Phòng Chính trị Bộ Chỉ huy quân sự",
    "Phòng Hậu cần - Kỹ thuật Bộ Chỉ huy quân sự",
    "Trung đoàn bộ binh địa phương",
    "Tiểu đoàn huấn luyện",
    "Trường Quân sự tỉnh",
    "Đoàn kinh tế - quốc phòng",
    "Kho vũ khí",
    "Trạm Sửa chữa tổng hợp",
    "Bệnh xá Quân sự",
    "Đại đội Trinh sát",
    "Đại đội Thông tin",
    "Đại đội Công binh",
    "Đại đội Thiết giáp",
    "Đại đội Pháo phòng không",
)

COMMUNE_SINCE_2025 = (
    *_patterns(PARTY, 3, "các cơ quan Đảng {u}"),
    *_patterns(ADMINISTRATION, 5, "Ủy ban nhân dân {u}"),
    *_patterns(ARMED, 2, "Công an {u}"),
    *_patterns(ARMED, 0.5, "Quân sự {u}"),
    *_patterns(SERVICE, 0.6, "Trạm Y tế {u}"),
    *_patterns(SCHOOL, 1, "Trường Trung học cơ sở {n}", "Trường Tiểu học {n}"),
    *_patterns(SCHOOL, 0.8, "Trường Mầm non {n}"),
)

PROVINCE_PARTY_BODIES = _patterns(
    PARTY,
    6,
    "Văn phòng Tỉnh ủy",
    "Ban Tổ chức Tỉnh ủy",
    "Ủy ban Kiểm tra Tỉnh ủy",
    "Ban Tuyên giáo và Dân vận Tỉnh ủy",
    "Ban Nội chính Tỉnh ủy",
    "Ủy ban Mặt trận Tổ quốc tỉnh",
    "Trường Chính trị tỉnh",
    "Tòa án nhân dân tỉnh",
    "Viện kiểm sát nhân dân tỉnh",
)

PROVINCE_GOVERNMENT = (
    *_patterns(
        ADMINISTRATION,
        8,
        "Văn phòng Ủy ban nhân dân tỉnh",
        "Sở Nội vụ",
        "Sở Tài chính",
        "Sở Công Thương",
        "Sở Xây dựng",
        "Sở Nông nghiệp và Môi trường",
        "Sở Khoa học và Công nghệ",
        "Sở Giáo dục và Đào tạo",
        "Sở Y tế",
        "Sở Văn hóa, Thể thao và Du lịch",
        "Sở Tư pháp",
        "Thanh tra tỉnh",
    ),
    *_patterns(SERVICE, 30, "Bệnh viện đa khoa tỉnh"),
    *_patterns(SCHOOL, 24, "Trường Đại học {n}"),
    *_patterns(STATE_ENTERPRISE, 14, "Công ty Điện lực {n}", "Viễn thông {n}"),
)

CENTRAL = (
    *_patterns(PARTY, 9, "Văn phòng", "Vụ Tổ chức - Cán bộ", "Cơ quan Ủy ban Kiểm tra"),
    *_patterns(ADMINISTRATION, 12, "Vụ Kế hoạch - Tài chính", "Vụ Pháp chế", "Thanh tra"),
    *_patterns(SERVICE, 16, "Viện Nghiên cứu", "Trung tâm Thông tin", "Tạp chí"),
    *_patterns(SCHOOL, 30, "Học viện", "Trường Đào tạo, bồi dưỡng cán bộ"),
    *_patterns(STATE_ENTERPRISE, 26, "Tổng công ty", "Tập đoàn"),
)

ARMED_FORCES = _patterns(
    ARMED,
    14,
    "Cơ quan Bộ Tham mưu",
    "Cục Chính trị",
    "Cục Hậu cần - Kỹ thuật",
    "Sư đoàn",
    "Lữ đoàn",
    "Trung đoàn",
    "Học viện",
    "Bệnh viện",
)

TRADES = (
    "May",
    "Xây dựng",
    "Vật tư nông nghiệp",
    "Chế biến thủy sản",
    "Vận tải",
    "Khai thác đá",
    "Thương mại tổng hợp",
    "Chế biến lâm sản",
    "Bao bì",
    "Chế biến chè",
    "Vật liệu xây dựng",
    "Môi trường đô thị",
    "Mía đường",
    "Sữa",
)
ENTERPRISES = (
    ("Công ty Cổ phần", PRIVATE_ENTERPRISE, 1.4),
    ("Công ty TNHH", PRIVATE_ENTERPRISE, 0.8),
    ("Hợp tác xã", PRIVATE_ENTERPRISE, 0.5),
    ("Công ty TNHH một thành viên nhà nước", STATE_ENTERPRISE, 2.0),
    ("Công ty liên doanh", FOREIGN_ENTERPRISE, 1.0),
)


def enterprises() -> Iterator[Pattern]:
    """Enterprises without end, each name once."""
    for number in count(1):
        for form, category, size in ENTERPRISES:
            for trade in TRADES:
                suffix = f" số {number}" if number > 1 else ""
                yield Pattern(f"{form} {trade} {{n}}{suffix}", category, size)


def repeated(known: tuple[Pattern, ...]) -> Iterator[Pattern]:
    """The bodies themselves, then further ones of the same names, numbered without end."""
    yield from known
    for number in count(2):
        for pattern in known:
            yield Pattern(f"{pattern.name} số {number}", pattern.category, pattern.size)


def numbered(name: str, category: str, size: float) -> Iterator[Pattern]:
    """The same body numbered from 1 without end: "liên thôn số 1", …"""
    for number in count(1):
        yield Pattern(f"{name} số {number}", category, size)


BODIES_OF_COMMUNE = (
    ("Trường Mầm non", SCHOOL),
    ("Trường Tiểu học", SCHOOL),
    ("Trường Trung học cơ sở", SCHOOL),
    ("Trạm Y tế", SERVICE),
    ("Công an", ARMED),
    ("cơ quan Ủy ban nhân dân", ADMINISTRATION),
    ("Hợp tác xã Dịch vụ nông nghiệp", PRIVATE_ENTERPRISE),
    ("Quân sự", ARMED),
)
OFFICES = (
    "Văn phòng",
    "Tổ chức - Hành chính",
    "Kế hoạch - Tài chính",
    "Thanh tra - Pháp chế",
    "Nghiệp vụ 1",
    "Nghiệp vụ 2",
    "Quản lý dự án",
    "Công nghệ thông tin",
    "Tổng hợp",
)
FACULTIES = (
    "Phòng Đào tạo",
    "Tổ Toán - Tin",
    "Tổ Ngữ văn",
    "Tổ Ngoại ngữ",
    "Tổ Vật lý - Công nghệ",
    "Tổ Hóa - Sinh",
    "Tổ Sử - Địa",
    "Khoa Kinh tế",
    "Khoa Xây dựng",
    "Khoa Nông - Lâm - Ngư",
    "Khoa Giáo dục thể chất",
    "Thư viện",
    "Ký túc xá",
)
WARDS_OF_HOSPITAL = (
    "Khoa Khám bệnh",
    "Khoa Cấp cứu",
    "Khoa Nội tổng hợp",
    "Khoa Ngoại tổng hợp",
    "Khoa Sản",
    "Khoa Nhi",
    "Khoa Truyền nhiễm",
    "Khoa Dược",
    "Khoa Xét nghiệm",
    "Phòng Điều dưỡng",
)
BRANCHES = {
    PARTY: (OFFICES, "Phòng"),
    ADMINISTRATION: (OFFICES, "Phòng"),
    JUSTICE: (OFFICES, "Phòng"),
    SERVICE: (WARDS_OF_HOSPITAL, "Đơn vị"),
    SCHOOL: (FACULTIES, "Bộ môn"),
    STATE_ENTERPRISE: (OFFICES, "Phân xưởng"),
    PRIVATE_ENTERPRISE: (OFFICES[1:3], "Tổ sản xuất"),
    FOREIGN_ENTERPRISE: (OFFICES[1:3], "Chuyền"),
    ARMED: (OFFICES[1:2], "Đội"),
}


def branches_of_hamlets(hamlet: str, category: str) -> Iterator[tuple[str, str]]:
    """One branch for each hamlet, without end."""
    for number in count(1):
        yield f"Chi bộ {hamlet} {number}", category


def branches_of_place(place: str, hamlet: str, category: str) -> Iterator[tuple[str, str]]:
    """Names and categories of a commune's branches without end: its bodies, then its hamlets.

    One body stands for two hamlets at first, so that a small commune has hamlets too.
    """
    hamlets = count(1)
    for body, of_body in BODIES_OF_COMMUNE:
        yield f"Chi bộ {hamlet} {next(hamlets)}", category
        yield f"Chi bộ {body} {place}", of_body
        yield f"Chi bộ {hamlet} {next(hamlets)}", category
    for number in hamlets:
        yield f"Chi bộ {hamlet} {number}", category


def branches_of_body(category: str) -> Iterator[tuple[str, str]]:
    """Names and categories of the branches of an agency, school, enterprise … without end."""
    named, further = BRANCHES[category]
    for name in named:
        yield f"Chi bộ {name}", category
    for number in count(1):
        yield f"Chi bộ {further} {number}", category
