"""Puts the page for browsers into a wheel, where it can be built.

Called by hatchling. A wheel whose page cannot be built (no Node.js, no network) is made all the
same, without the page, and says so; an editable installation is left alone, since it serves what
`make page` leaves in `server/page/`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page's folder to what the wheel holds."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root) / "page"))
        try:
            from bundle import PageNotBuilt, built_page
        finally:
            sys.path.pop(0)
        try:
            build_data["force_include"][str(built_page())] = "server/page"
        except PageNotBuilt as reason:
            self.app.display_warning(f"The wheel has no page for browsers: {reason}")
