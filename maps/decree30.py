"""How Vietnamese administrative documents are laid out: Decree 30/2020/NĐ-CP of 5 March 2020, Appendix I, Part I.

Where the Decree gives a range, one value of it is taken. Clauses: I.1 paper, I.3 margins, I.4 font, I.7 page numbers,
II.1 to II.9 the parts of the document.
"""

FONT = "Times New Roman"  # I.4
PAGE_MM = (210.0, 297.0)  # I.1: A4
MARGIN_TOP_MM, MARGIN_BOTTOM_MM = 20.0, 20.0  # I.3: 20 to 25
MARGIN_LEFT_MM, MARGIN_RIGHT_MM = 30.0, 15.0  # I.3: 30 to 35, 15 to 20
PAGE_NUMBER_PT = 13.0  # I.7: 13 to 14, centred in the top margin, Arabic, none on the first page

EMBLEM = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"  # II.1: capitals, upright, bold
EMBLEM_PT = 12.0  # 12 to 13
MOTTO = "Độc lập - Tự do - Hạnh phúc"  # II.1: upright, bold, a line below as long as the text
MOTTO_PT = 13.0  # 13 to 14
BODY_NAME_PT = 12.0  # II.2: name of the body, 12 to 13, capitals, bold; that of the body above it not bold
NUMBER_PT = 13.0  # II.3: number and symbol
PLACE_DATE_PT = 13.0  # II.4: 13 to 14, italic
SUBJECT_PT = 13.0  # II.5: the subject of an official letter below its number, 12 to 13; of others 13 to 14, bold
TEXT_PT = 14.0  # II.6: 13 to 14, justified
FIRST_LINE_MM = 10.0  # II.6: 1 cm or 1.27 cm
PARAGRAPH_GAP_PT = 6.0  # II.6: at least 6 pt between paragraphs
LINE_SPACING = 1.15  # II.6: single to 1.5
SIGNATURE_PT = 14.0  # II.7: 13 to 14, upright, bold
RECIPIENTS_HEAD_PT, RECIPIENTS_PT = 12.0, 11.0  # II.9: "Nơi nhận:" 12 italic bold, the list 11
