"""Rewrites the file lists of CMakeLists.txt and MRExtrap/CMakeLists.txt from what lies in the folders.

python Testing/list_cmake_files.py
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LISTS = re.compile(r"set\(MRExtrapLib_SCRIPTS.*?\)\nset\(MRExtrapLib_RESOURCES.*?\)\n", re.DOTALL)

PANEL = re.compile(r"(?:  \$\{MODULE_NAME\}Panel/\w+\.py\n)+")


def installed_files() -> list[str]:
    """Every file that travels with the extension, relative to the root."""
    files = (path for folder in ("MRExtrapLib", "Resources") for path in (ROOT / folder).rglob("*"))
    return sorted(
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".mrextrap"
    )


def main() -> None:
    """Writes the lists."""
    cmake = ROOT / "CMakeLists.txt"
    files = installed_files()
    scripts = "".join(f"  {file}\n" for file in files if file.endswith(".py"))
    others = "".join(f"  {file}\n" for file in files if not file.endswith(".py"))
    lists = f"set(MRExtrapLib_SCRIPTS\n{scripts}  )\nset(MRExtrapLib_RESOURCES\n{others}  )\n"
    cmake.write_text(LISTS.sub(lists, cmake.read_text(encoding="utf-8")), encoding="utf-8")
    names = sorted(path.name for path in (ROOT / "MRExtrap" / "MRExtrapPanel").glob("*.py"))
    panel = "".join(f"  ${{MODULE_NAME}}Panel/{name}\n" for name in names)
    module = ROOT / "MRExtrap" / "CMakeLists.txt"
    module.write_text(PANEL.sub(lambda _: panel, module.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
