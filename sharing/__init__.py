"""How access is given and taken: invitations, acceptance, pending grants."""
