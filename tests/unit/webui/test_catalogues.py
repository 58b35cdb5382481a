"""Both languages are complete and use the glossary's words."""

import re
from pathlib import Path

import polib
import pytest

from webui.management.commands.catalogues import catalogue_of, missing

ROOT = Path(__file__).resolve().parents[3]
BANNED = {
    "整理": "cleanup is 故障履歴クリア",
    "非クリーン": "UNCLEAN is 状態不明（要STONITH）",
    "場所": "a location is a 配置制約",
    "コロケーション": "a colocation is a 同居制約",
    "障害回数": "a fail count is a フェイルカウント（故障回数）",
    "開始しました": "started is 起動しました",
    "クラスタ ": "クラスター has its long vowel",
    "フェイルオーバ ": "フェイルオーバー has its long vowel",
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_text_lacks_a_translation(language):
    assert missing(language) == []


def test_the_japanese_catalogue_uses_no_banned_word():
    found = [
        (entry.msgid, word, why)
        for entry in polib.pofile(str(catalogue_of("ja")))
        for word, why in BANNED.items()
        if word in entry.msgstr and not entry.msgid.startswith("Started: ")
    ]
    assert found == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_translation_keeps_every_parameter(language):
    def parameters(text):
        return set(re.findall(r"%\((\w+)\)s", text))

    broken = [
        entry.msgid
        for entry in polib.pofile(str(catalogue_of(language)))
        if parameters(entry.msgid) != parameters(entry.msgstr)
    ]
    assert broken == []


DJANGO = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
TAG = re.compile(r"<[^>]*>", re.DOTALL)
SPOKEN_ATTRIBUTES = re.compile(r"""\b(?:placeholder|title|aria-label|alt|data-word-\w+)="([^"{]*[^\W\d_][^"{]*)\"""")
SAID_IN_EVERY_LANGUAGE = {"日本語", "EN", "hacluster", "CIB", "1", "2", "3", "4"}


@pytest.mark.parametrize("template", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_no_template_says_a_word_without_a_translation(template):
    text = template.read_text()
    bare = [word for word in TAG.sub(" ", DJANGO.sub(" ", text)).split() if re.search(r"[^\W\d_]", word)]
    bare += [said for said in SPOKEN_ATTRIBUTES.findall(text) if "{%" not in said]
    assert [word for word in bare if word not in SAID_IN_EVERY_LANGUAGE] == []
