"""Where the page for browsers lies, once it is built (`make page`, or the wheel's build).

The page is GraphiQL with its own assets, made from `page/` at the root of the source. This module
finds it and states what a browser may do with it; it never builds, serves or fetches anything.
"""

from __future__ import annotations

from pathlib import Path

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "img-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Value of the header `Content-Security-Policy` for the page and its assets."""


def page_folder() -> Path | None:
    """The folder of `index.html` and the assets that it loads from `page/…`; None where unbuilt."""
    folder = Path(__file__).parent / "page"
    return folder if (folder / "index.html").is_file() else None
