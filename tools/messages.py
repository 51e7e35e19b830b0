#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""messages - the sentences of assay in messages/en.json and messages/zh-TW.json, one source for C and for the page.

    messages.py set KEY "English" "繁體中文"   adds or replaces one sentence in both languages (safe to run side by side)
    messages.py get KEY...                     shows them
    messages.py remove KEY...
    messages.py check                          same keys, same placeholders, Taiwan wording, keys that C uses exist
    messages.py c OUT.c                        writes the table that the C programs are built with

Keys are lower_snake; a value may hold {placeholders} and, in English sentences of the C programs, choices by number:
"{n} [n|row|rows]" is "1 row" or "2 rows".  Errors are err_NAME with an optional err_NAME_hint.
"""
import fcntl
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = {"en": ROOT / "messages" / "en.json", "zh-TW": ROOT / "messages" / "zh-TW.json"}
HOLE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
CHOICE = re.compile(r"\[([a-z_][a-z0-9_]*)\|[^\]|]*\|[^\]|]*\]")
OF_C = ("cli_", "core_", "err_", "report_")
# A number before one of these without a choice: "1 questions".  Sentences that only speak of several may do so.
SEVERAL = ("_too_many", "_limit", "_count", "_columns", "_several", "_heads", "_complex")
PLURAL = re.compile(r"\{[a-z_]+\} (?:more |other )?(?:questions|answers|models|rows|lines|fields|columns)\b")
# What programs say to each other, and sentences that say themselves how to go on.
NO_WAY_ON = ("err_chat_too_long", "err_frame_too_long", "err_run_part")
KEY = re.compile(r"^[a-z][a-z0-9_]*$")
# Words of the mainland that have another form in Taiwan; 演算法 and "支持" (to back) are the exceptions.
MAINLAND = ("默認 缺省 設置 用戶 信息 文件夾 加載 保存 導入 導出 鏈接 網絡 服務器 內存 顯存 硬盤 緩存 優化 質量 概率 置信 "
            "視頻 屏幕 登錄 程序 字符 激活 回滾 接口 模塊 模板").split()


def load():
    return {lang: json.loads(path.read_text("utf-8")) if path.exists() else {} for lang, path in FILES.items()}


def save(tables):
    for lang, path in FILES.items():
        table = {key: tables[lang][key] for key in sorted(tables[lang]) if key != "$schema"}
        path.write_text(json.dumps(table, ensure_ascii=False, indent="\t") + "\n", "utf-8")


def edit(change):
    FILES["en"].parent.mkdir(exist_ok=True)
    with open(FILES["en"].parent / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tables = load()
        change(tables)
        save(tables)


def set_message(key, english, chinese):
    if not KEY.match(key):
        sys.exit(f"messages: {key}: keys are lower_snake")

    def change(tables):
        tables["en"][key] = english
        tables["zh-TW"][key] = chinese
    edit(change)


def check():
    tables, wrong = load(), []
    for key in sorted(set(tables["en"]) | set(tables["zh-TW"])):
        english, chinese = tables["en"].get(key), tables["zh-TW"].get(key)
        if english is None or chinese is None:
            wrong.append(f"{key}: missing in {'en' if english is None else 'zh-TW'}")
            continue
        if set(HOLE.findall(english)) != set(HOLE.findall(chinese)):
            wrong.append(f"{key}: other placeholders in the two languages")
        if set(CHOICE.findall(english)) - set(HOLE.findall(english)) or CHOICE.search(chinese):
            wrong.append(f"{key}: a choice by number belongs to a placeholder of the English sentence")
        if CHOICE.search(english) and not key.startswith(OF_C):
            wrong.append(f"{key}: the page knows no choice by number")
        if key.startswith(OF_C) and not key.endswith(SEVERAL) and PLURAL.search(english):
            wrong.append(f"{key}: write \"{{n}} [n|question|questions]\": there may be 1")
        if key.startswith("err_") and "limit" in HOLE.findall(english) and key + "_hint" not in tables["en"] and key not in NO_WAY_ON:
            wrong.append(f"{key}: a limit needs {key}_hint, which says how to go on")
        for word in MAINLAND:
            if word in chinese:
                wrong.append(f"{key}: {word} is not used in Taiwan")
        if re.search(r"算法", chinese) and "演算法" not in chinese:
            wrong.append(f"{key}: 算法")
        if re.search(r"\d %", english + chinese):
            wrong.append(f"{key}: no space before %")
    used = re.compile(r'"(err_[a-z0-9_]+|cli_[a-z0-9_]+|report_[a-z0-9_]+|core_[a-z0-9_]+)"')
    for path in sorted((ROOT / "src").rglob("*.[ch]*")):
        for key in used.findall(path.read_text("utf-8")):
            if key not in tables["en"] and not key.endswith("_"):
                wrong.append(f"{path.relative_to(ROOT)}: no message {key}")
    for line in wrong:
        print(line)
    print(f"messages: {len(tables['en'])} sentences, {len(wrong)} problems")
    return 1 if wrong else 0


def c_string(text):
    # One \ooo escape a byte: a hexadecimal escape would swallow the digits that follow it.
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in text.encode()) + '"'


def write_c(out):
    tables = load()
    keys = sorted(tables["en"])
    lines = ["/* Generated by tools/messages.py; the sentences stand in messages/. */", '#include "base/msg_table.h"', "",
             "const struct msg_entry msg_table[] = {"]
    lines += [f"\t{{ {c_string(k)}, {{ {c_string(tables['en'][k])}, {c_string(tables['zh-TW'].get(k, tables['en'][k]))} }} }},"
              for k in keys]
    lines += ["};", f"const unsigned msg_table_size = {len(keys)};", ""]
    pathlib.Path(out).write_text("\n".join(lines), "utf-8")


def main():
    args = sys.argv[1:]
    if args[:1] == ["set"] and len(args) == 4:
        set_message(*args[1:])
    elif args[:1] == ["get"]:
        tables = load()
        for key in args[1:]:
            print(key, tables["en"].get(key), tables["zh-TW"].get(key), sep="\n  ")
    elif args[:1] == ["remove"]:
        edit(lambda tables: [tables[lang].pop(key, None) for lang in tables for key in args[1:]])
    elif args == ["check"]:
        sys.exit(check())
    elif args[:1] == ["c"] and len(args) == 2:
        write_c(args[1])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
