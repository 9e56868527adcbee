"""How people join: `joining` appends the links, `invites` is what an invitee does."""
