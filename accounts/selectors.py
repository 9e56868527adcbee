"""What tasks look up by an id that was queued: by then it may be gone."""

from uuid import UUID

from accounts.models import PendingSignup, User


def pending_signup(pending_id: UUID) -> PendingSignup | None:
    """Return a sign-up that waits for its code."""
    return PendingSignup.objects.filter(pk=pending_id).first()


def active_user(user_id: UUID) -> User | None:
    """Return an account that is in use; None for one that is not, or not any more."""
    return User.objects.filter(pk=user_id, is_active=True).first()
