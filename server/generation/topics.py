"""Subjects of meetings and inspections: plausible, general, and never about a person."""

REGULAR = (
    "Đánh giá kết quả thực hiện nhiệm vụ tháng trước và triển khai nhiệm vụ tháng này",
    "Quán triệt nghị quyết, chỉ thị mới của Trung ương và của tỉnh",
    "Triển khai nhiệm vụ phát triển kinh tế - xã hội tại địa phương, đơn vị",
    "Công tác phát triển đảng viên và bồi dưỡng quần chúng ưu tú",
    "Thu nộp đảng phí và quản lý đảng viên",
    "Công tác dân vận và nắm tình hình tư tưởng trong nhân dân",
    "Bảo đảm an ninh trật tự và an toàn giao thông trên địa bàn",
    "Lãnh đạo thực hiện quy chế dân chủ ở cơ sở",
    "Phòng, chống thiên tai và ổn định đời sống nhân dân",
    "Chỉ đạo sản xuất vụ xuân và phòng, chống dịch bệnh",
    "Chỉ đạo sản xuất vụ hè thu và phòng cháy, chữa cháy rừng",
    "Xây dựng nông thôn mới, đô thị văn minh",
    "Tuyên truyền, vận động nghĩa vụ quân sự",
    "Chăm lo gia đình chính sách và an sinh xã hội",
    "Thực hành tiết kiệm, chống lãng phí",
    "Kiểm điểm nhiệm vụ được phân công của đảng viên",
)
THEMATIC = (
    "Học tập và làm theo tư tưởng, đạo đức, phong cách Hồ Chí Minh trong thực hiện nhiệm vụ",
    "Nâng cao chất lượng sinh hoạt chi bộ",
    "Xây dựng chi bộ bốn tốt",
    "Trách nhiệm nêu gương của cán bộ, đảng viên",
    "Chuyển đổi số trong công tác đảng và trong đời sống",
    "Bảo vệ nền tảng tư tưởng của Đảng trên không gian mạng",
    "Nâng cao chất lượng phát triển đảng viên trong học sinh, công nhân",
    "Giải pháp giảm nghèo bền vững",
    "Phân loại rác thải và bảo vệ môi trường",
    "Phát huy vai trò đảng viên trong giải phóng mặt bằng",
    "Tự phê bình và phê bình trong sinh hoạt chi bộ",
    "Phòng, chống tham nhũng, tiêu cực ở cơ sở",
)
COMMITTEE = (
    "Đánh giá công tác lãnh đạo trong kỳ và nhiệm vụ kỳ tới",
    "Thông qua chương trình kiểm tra, giám sát",
    "Công tác tổ chức, cán bộ và quy hoạch",
    "Xem xét đề nghị kết nạp và chuyển đảng chính thức",
    "Đánh giá, xếp loại tổ chức đảng và đảng viên",
    "Chuẩn bị nội dung hội nghị đảng bộ",
    "Cho ý kiến về kế hoạch phát triển kinh tế - xã hội",
    "Sắp xếp, sáp nhập các chi bộ",
    "Bổ sung quy chế làm việc của cấp ủy",
    "Thu, chi ngân sách và tài chính đảng",
)
ASSEMBLY = (
    "Sơ kết công tác xây dựng Đảng sáu tháng đầu năm",
    "Tổng kết công tác xây dựng Đảng trong năm và phương hướng năm tới",
    "Học tập, quán triệt nghị quyết của Trung ương",
    "Thông báo nhanh tình hình thời sự và nhiệm vụ trọng tâm",
)
GROUP = (
    "Trao đổi nhiệm vụ của tổ trong tháng",
    "Góp ý dự thảo nghị quyết của chi bộ",
    "Phân công giúp đỡ quần chúng ưu tú",
)
INSPECTION_THEMES = (
    "Việc lãnh đạo, chỉ đạo thực hiện nghị quyết đại hội đảng bộ các cấp",
    "Việc chấp hành quy chế làm việc và nguyên tắc tập trung dân chủ",
    "Việc thu, nộp, quản lý và sử dụng đảng phí",
    "Công tác phát triển đảng và quản lý đảng viên",
    "Việc lãnh đạo thực hiện quy chế dân chủ ở cơ sở",
    "Việc thực hành tiết kiệm, chống lãng phí và phòng, chống tham nhũng",
    "Việc lãnh đạo công tác quản lý đất đai và xây dựng cơ bản",
    "Việc thực hiện quy định về những điều đảng viên không được làm",
    "Việc duy trì nền nếp và nâng cao chất lượng sinh hoạt chi bộ",
    "Việc thực hiện trách nhiệm nêu gương của cán bộ, đảng viên",
)
SIGNS_THEMES = (
    "Dấu hiệu vi phạm trong quản lý tài chính, tài sản công",
    "Dấu hiệu vi phạm nguyên tắc tập trung dân chủ",
    "Dấu hiệu buông lỏng lãnh đạo trong quản lý đất đai",
)
COMPLAINT_THEMES = (
    "Đơn phản ánh về thực hiện chế độ, chính sách",
    "Đơn kiến nghị về thu, chi các khoản đóng góp",
    "Đơn phản ánh về lề lối làm việc của cấp ủy",
)
