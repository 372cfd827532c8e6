"""The fixed words of a reply; what stands in brackets is filled in by the body that signs it."""

PARENT_BODY = "[TÊN CƠ QUAN CHỦ QUẢN]"
BODY = "[TÊN CƠ QUAN, TỔ CHỨC]"
_GAP = "\u00a0" * 6  # to be filled in by hand
NUMBER = f"Số:{_GAP}/[KÝ HIỆU]"
DATE_LINE = f"[Địa danh], ngày{_GAP} tháng{_GAP} năm{_GAP}"
TO = "Kính gửi: [Tên cử tri, cơ quan chuyển kiến nghị]"
RECIPIENTS_HEAD = "Nơi nhận:"
RECIPIENTS = ("- Như trên;", "- Lưu: VT.")
AUTHORITY = "[QUYỀN HẠN, CHỨC VỤ CỦA NGƯỜI KÝ]"
SIGNER = "[Họ và tên]"
MARK = "LƯU HÀNH NỘI BỘ"
ANNEX = "PHỤ LỤC"
ANNEX_TITLE = "Số liệu kỹ thuật về sóng di động tại"
