"""The catalogued sets of recordings."""

from __future__ import annotations

from poise.data.catalogue.entry import Entry
from poise.data.catalogue.web import WebFile

_SHARE_ALIKE, _ATTRIBUTION = "CC-BY-SA-3.0", "CC-BY-3.0"
_NAMES = ", with a text where the name of the file spells it out"
# language: (the voice, licence, bytes, sha256). The names of the files are English in every language.
_PROMPTS: dict[str, tuple[str, str, int, str]] = {
    "en": (
        f"551 clips of one English voice{_NAMES}",
        f"{_SHARE_ALIKE} (Allison Smith)",
        10_565_860,
        "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806",
    ),
    "es": (
        "510 clips of one Spanish voice, without texts",
        f"{_SHARE_ALIKE} (Allison Smith)",
        13_048_380,
        "e4e3b4281057d3b81b779298fd6be705f57411513955c518eed1bcaabbd615b8",
    ),
    "fr": (
        "544 clips of one French voice, without texts",
        f"{_SHARE_ALIKE} (June Wallack)",
        10_822_860,
        "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0",
    ),
    "it": (
        "582 clips of one Italian voice, without texts",
        f"{_ATTRIBUTION} (Carlo Flora)",
        10_087_176,
        "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016",
    ),
    "ru": (
        "558 clips of one Russian voice, without texts",
        f"{_ATTRIBUTION} (Maxim Topal)",
        10_579_440,
        "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b",
    ),
}
# The same as their publisher packs them: language: (bytes, sha256).
_PUBLISHED: dict[str, tuple[int, str]] = {
    "en": (10_756_090, "59891033e764d9dffc5ccdd78e845a1c8ea6bed0b434128bb0199c63ef591770"),
    "es": (13_175_419, "3c474f73cc4f65478b3cf05ab0c5da19c8ce408699f61491f6aafba450cb540a"),
    "fr": (10_975_670, "7ff3ca96bbb295a6458e6eb1ff92690d9a5d0db0b4ddfa2c488237e4d251efbe"),
    "it": (10_191_350, "44a7fd7b067ff7f71df7fec31f9a8c960e13d35ca30c31878913c4020bfc00b6"),
    "ru": (10_635_740, "fde2a071b811a081219138693d6813d122d91c2c3423936274b110b97645b61b"),
}
_RELEASES = "https://downloads.asterisk.org/pub/telephony/sounds/releases"


def _published(language: str) -> WebFile:
    size, sha256 = _PUBLISHED[language]
    name = f"asterisk-core-sounds-{language}-g722-1.6.1"
    return WebFile(f"{_RELEASES}/{name}.tar.gz", f"{name}.tgz", size, sha256)  # .tgz: the sum is of what is sent


SPEECH = (
    Entry(
        name="mandarin-syllables",
        title="Mandarin syllables: 2,358 clips of 1,200 syllables with tones in two voices, with their pinyin",
        modality="speech",
        licence="voice A: GPL-3 or LGPL-3 (Edward Der-Hua Liu); voice B: CC-BY-3.0 (Chu Lo, ChionMeilin)",
        client="apt",
        package="gcin-voice",
        version="0~20170223-3",
        filename="gcin-voice_0~20170223-3_all.deb",
        size=7_740_240,
        sha256="6a0353f0294d06f7bd901bada3d5d9eec63b66c2ec029f92da3124d93d45de70",
        unpack="poise.data.speech.unpack:mandarin_syllables",
        language="zh",
    ),
    *(
        Entry(
            name=f"asterisk-{language}",
            title=f"Telephone prompts: {voice}",
            modality="speech",
            licence=licence,
            client="apt",
            package=f"asterisk-core-sounds-{language}-g722",
            version="1.6.1-1",
            filename=f"asterisk-core-sounds-{language}-g722_1.6.1-1_all.deb",
            size=size,
            sha256=sha256,
            unpack="poise.data.speech.unpack:asterisk",
            options={"language": language},
            language=language,
            web=(_published(language),),
            web_unpack="poise.data.speech.unpack:asterisk_published",
        )
        for language, (voice, licence, size, sha256) in _PROMPTS.items()
    ),
)
