//! Who a statement runs for.

use crate::model::{Role, UserId};

/// Who a statement runs for, and where its unqualified names are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) namespace: String,
}
