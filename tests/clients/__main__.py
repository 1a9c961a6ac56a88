"""`python -m tests.clients`: installs the npm packages of the tests."""

from tests.clients import install

install()
