"""The browser that the tests of a module share."""

import pytest

from tests.browser import chromium


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started
