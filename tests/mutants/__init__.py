"""Whether the tests notice when a check is gone: `./dev mutants`.

Every check that refuses something, in the server (`server.py`) and in the client
(`static/tests/mutants/`), is switched off in memory, one at a time; nothing is written into the
checkout. A case that passes with the check and fails without it has caught the mutant. Only cases
in which the check refuses something can notice, so each suite is run once to see which those are.
"""
