"""Characters as units: no mark of any script is lost, what was right stays as it was, and what is left out is told."""

from __future__ import annotations

import unicodedata

import pytest

from poise.data.transcripts.letters import lost_in, not_heard, spelt, visible
from poise.data.transcripts.utterances import SpeechTokenizer, characters
from poise.errors import PoiseError

# Pairs of texts that differ in one mark (or letter), by script.
PAIRS = {
    "Devanagari": ["का की", "के का", "कि की", "कल काल", "हिंदी हिदी", "हँस हस", "क्ष कष", "दुख दुःख", "रम रम्", "क क़"],
    "Bengali": ["কা কি", "কে কৈ", "কং ক", "চাঁদ চাদ", "ক্ত কত"],
    "Gurmukhi": ["ਕਾ ਕੀ", "ਕੁ ਕੂ", "ਪੱਤਾ ਪਤਾ", "ਸਿੰਘ ਸਿਘ"],
    "Gujarati": ["કા કી", "કે કૈ", "કં ક"],
    "Odia": ["କା କି", "କୁ କୂ", "କଂ କ"],
    "Tamil": ["கா கி", "கெ கே", "கொ கோ", "க் க"],
    "Telugu": ["కా కి", "కె కే", "కం కః"],
    "Kannada": ["ಕಾ ಕಿ", "ಕೆ ಕೇ", "ಕ್ ಕ"],
    "Malayalam": ["കാ കി", "കെ കേ", "ക് ക", "അവന് അവന്‍"],
    "Sinhala": ["කා කැ", "කි කී", "ක් ක", "ක්ෂ ක්‍ෂ"],
    "Thai": ["กา กำ", "ปา ป่า", "ป้า ป่า", "กิ กี", "กุ กู", "กัน กน", "ไก ไก่", "แพ แพ้"],
    "Lao": ["ກິ ກີ", "ກຸ ກູ", "ປາ ປ່າ", "ປ້າ ປ່າ", "ກັນ ກນ", "ກົ ກ"],
    "Khmer": ["កា កិ", "ក្រ ករ", "កុំ កុះ", "កេ កែ", "ប៉ា បា"],
    "Burmese": ["ကာ ကိ", "ကု ကူ", "က့ ကး", "ကျ ကြ", "ကွ ကှ", "ကန် ကန"],
    "Tibetan": ["ཀི ཀུ", "ཀེ ཀོ", "རྐ རཀ", "བོད བད"],
    "Hebrew": ["שׁר שׂר", "בּ ב", "בַ בֵ", "דָּבָר דֶּבֶר", "ג׳ ג", "ג׳ ג״"],
    "Arabic": ["كَتَبَ كُتِبَ", "دَرَسَ دَرَّسَ", "كتابٌ كتابًا", "آن ان", "هٰذا هذا", "مُعَلِّم مُعَلَّم"],
    "Persian": ["می\u200cخواهم می خواهم", "می\u200cخواهم میخواهم", "نامه\u200cای نامه ای", "کِرم کَرم"],
    "Urdu": ["اِس اُس", "نۂ نہ", "بہت بَہت"],
    "Syriac": ["ܒܰ ܒܶ", "ܒ݁ ܒ݂"],
    "Thaana": ["ބަ ބާ", "ބި ބީ", "ބް ބަ", "ބު ބޫ"],
    "N'Ko": ["ߞߊ߫ ߞߊ߬", "ߞߊ߲ ߞߊ"],
    "Ethiopic": ["ሀ ሁ", "ለ ሉ", "ገ፞ ገ", "ገ፝ ገ፞"],
    "Korean": ["가 각", "\u1100\u1161 \u1100\u1163", "갑 값", "\u1100\u119e \u1100\u1161"],
    "Japanese": ["か が", "は ぱ", "か\u3099 か", "ﾊﾞ ﾊ", "きゃ きや", "こ こー", "つ っ"],
    "Chinese": ["妈 马", "ㄇㄚˊ ㄇㄚˇ", "ㄇㄚ˙ ㄇㄚ", "人々 人人"],
    "Vietnamese": ["ma má", "mà mã", "mả mạ", "cơ cô", "đa da", "tư tu"],
    "Yoruba": ["ọ̀ ọ́", "ọ o", "ẹ e", "ṣ s", "n̄ n"],
    "Igbo and Ewe": ["ụ u", "ɖ d", "ɔ̃ ɔ", "a꞉ a"],
    "Latin": ["ä a", "ñ n", "ő ö", "ğ g", "ı i", "č c", "å a", "l·l ll"],
    "Cyrillic": ["й и", "ё е", "за́мок замо́к", "ґ г", "а҃ а"],
    "Greek": ["πότε ποτέ", "ϊ ι", "ᾳ α", "ά ὰ"],
    "Armenian": ["ինչպե՞ս ինչպե՛ս", "է ե", "ինչպե՜ս ինչպես"],
    "Georgian": ["კ ქ", "ჰ ჱ"],
    "Mongolian": ["ᠨ\u180eᠠ ᠨᠠ", "ᠭ\u180bᠠ ᠭᠠ"],
    "Javanese": ["ꦏꦶ ꦏꦸ", "ꦏ꧀ ꦏ"],
    "Balinese": ["ᬓᬶ ᬓᬸ", "ᬓ᭄ ᬓ"],
    "Cherokee and Yi": ["Ꭰ Ꭱ", "ꀀ ꀁ"],
    "Adlam": ["𞤀𞥄 𞤀", "𞤦𞥆 𞤦"],
    "tone letters": ["ma˥ ma˩", "ma˧˥ ma˥˧", "aꜜ a"],
    "Braille": ["⠁ ⠃", "⠉ ⠙"],
}


@pytest.mark.parametrize("script", PAIRS)
def test_texts_that_differ_in_one_mark_are_said_differently(script: str) -> None:
    assert len(PAIRS[script]) >= 2
    for pair in PAIRS[script]:
        first, _, second = pair.partition(" ")
        assert characters(first) != characters(second), pair
        for text in (first, second):
            units = characters(text)[0]
            assert "".join(phone for phone, _ in units) == unicodedata.normalize("NFC", text).casefold() or "·" in text


@pytest.mark.parametrize("script", PAIRS)
def test_numbers_come_back_as_the_text(script: str) -> None:
    texts = [word for pair in PAIRS[script] for word in pair.split() if "·" not in word]
    spoken = SpeechTokenizer.from_dict(SpeechTokenizer.fit("characters", texts).to_dict())
    for text in texts:
        (part,) = spoken.parts(text)
        back = "".join(spoken.phones[i - 1] for i in spoken.encode(part)[:, 0])
        assert back == unicodedata.normalize("NFC", text).casefold()


SAME = {
    "Hello, World! It's 5 o'clock.": "hello, world! it's 5 o'clock.",
    "“Quoted” — and; more: (yes)": "quoted and more yes",
    "Łódź, ČESKÝ, Straße": "łódź, český, strasse",
    "Привет, мир? Да-да.": "привет, мир? да-да.",
    "你好，世界。": "你好 世界",
    "½ and ² and ①": "½ and ² and ①",
    "שָׁלוֹם עולם": "שָׁלוֹם עולם",
    "مَرْحَبًا بالعالم": "مَرْحَبًا بالعالم",
    "a\u0301 e\u0323\u0302": "á ệ",
    "  ": "",
    "€ 5 % + 3": "5 3",
    "1\ufe0f\u20e3 ok \u2764\ufe0f": "1 ok",
    "👩\u200d👩\u200d👧 family": "family",
    "20˚ ˜3 `x` ^y": "20 3 x y",
    "tiếng Việt": "tiếng việt",
    "한국어 말": "한국어 말",
}


@pytest.mark.parametrize("text", SAME)
def test_what_was_right_stays_as_it_was(text: str) -> None:
    """Against what these units were before marks of class 0 were among them."""
    plain = unicodedata.normalize("NFC", text).casefold()
    kept = "".join(c if c.isalnum() or unicodedata.combining(c) or c in "',.?! -" else " " for c in plain)
    assert spelt(text) == " ".join(kept.split()) == SAME[text]


NOTHING = {
    "soft hyphen": ("Wör\u00adter", "wörter"),
    "direction": ("\u202bשלום\u202c\u200f", "שלום"),
    "isolates": ("\u2066abc\u2069", "abc"),
    "byte order mark": ("\ufeffabc", "abc"),
    "word joiner": ("a\u2060b", "ab"),
    "joiner in Latin": ("Auf\u200clage", "auflage"),
    "selector": ("葛\U000e0100", "葛"),
    "grapheme joiner": ("a\u034fb", "ab"),
    "space of no width": ("ภาษา\u200bไทย", "ภาษา ไทย"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_cannot_be_seen_takes_no_word_apart(name: str) -> None:
    text, expected = NOTHING[name]
    assert spelt(text) == expected and not not_heard([text])


def test_what_is_left_out_is_counted_and_the_first_five_named() -> None:
    texts = ["5 € — “x”", "a; b; c; €", "नमस्ते। #", "plain, text."]
    assert not_heard(texts) == {";": 3, "€": 2, "—": 1, "“": 1, "”": 1, "।": 1, "#": 1}
    assert sum(not_heard(texts).values()) == 10
    assert lost_in(texts) == ("10 characters are no units and are blanks: ; (3), € (2), # (1), । (1), — (1) and 2 more")
    assert lost_in(["one €"]) == "1 character is no unit and is a blank: € (1)"
    assert lost_in(["nothing, at all!"]) == lost_in([]) == ""


def test_every_mark_and_letter_of_unicode_is_heard_or_told() -> None:
    """Between two letters, a character makes a unit, or is told, or is one of those that cannot be seen."""
    for code in [*range(0x80, 0xD800), *range(0xE000, 0x20000)]:
        c = chr(code)
        if unicodedata.category(c)[0] in "LMN" and spelt(f"a{c}b") in ("a b", "ab"):
            assert lost_in([c]) or 0xFE00 <= code <= 0xFE0F or c == "\u034f", f"{code:x}"


@pytest.mark.parametrize(("c", "seen"), [("\u093e", "◌\u093e"), ("\u200c", "U+200C"), ("a", "a"), (" ", " ")])
def test_a_character_by_itself_can_be_seen(c: str, seen: str) -> None:
    assert visible(c) == seen


def test_a_mark_that_was_never_heard_is_named_and_a_joiner_is_a_blank() -> None:
    spoken = SpeechTokenizer.fit("characters", ["कमल नयन"])
    with pytest.raises(PoiseError, match="'◌ा' was never heard in training"):
        spoken.encode(spoken.parts("काम")[0])
    assert spoken.parts("क्\u200dम"[:1] + "\u200cम")[0] == [("क", ""), (" ", ""), ("म", "")]
