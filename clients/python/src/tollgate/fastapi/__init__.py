"""Guards for FastAPI: a signed-in person, a permission, a plan, units of quota.

::

    gate = Tollgate()                       # TOLLGATE_URL, TOLLGATE_SERVICE_KEY
    app = FastAPI(lifespan=gate.lifespan)
    gate.install(app)


    @app.post("/process")
    async def process(hold: Hold = Depends(gate.consume_quota("dicom_processing", cost=1))):
        ...                                 # an answer below 400 is charged, anything else is not
"""

from __future__ import annotations

from ..models import Subscription, User
from .default import (
    consume_quota,
    current_gate,
    get_current_user,
    get_optional_user,
    require_auth,
    require_permission,
    require_subscription,
    use_gate,
)
from .gate import Tollgate
from .guard import Guard
from .guards import Caller
from .hold import DeferredHold, Hold

__all__ = [
    "Caller",
    "DeferredHold",
    "Guard",
    "Hold",
    "Subscription",
    "Tollgate",
    "User",
    "consume_quota",
    "current_gate",
    "get_current_user",
    "get_optional_user",
    "require_auth",
    "require_permission",
    "require_subscription",
    "use_gate",
]
