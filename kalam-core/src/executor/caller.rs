//! Who a statement runs for.

use crate::model::{Role, UserId};
use crate::security::{Actor, AuditRecord};

/// Who a statement runs for, and where its unqualified names are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) namespace: String,
    /// Whose session it is, where EXECUTE AS USER made it another's statement.
    pub(crate) session: Option<(UserId, Role)>,
}

impl Caller {
    /// The caller of a session's own statements.
    pub(crate) fn new(user: UserId, role: Role, namespace: String) -> Caller {
        Caller { user, role, namespace, session: None }
    }

    /// The same session with the identity and the rights of another user.
    pub(crate) fn as_subject(&self, user: UserId, role: Role) -> Caller {
        let session = Some((self.user.clone(), self.role));
        Caller { user, role, namespace: self.namespace.clone(), session }
    }

    /// The audit record of something that the caller does.
    pub(crate) fn did(&self, action: &'static str, object: Option<String>) -> AuditRecord {
        let (user, role, subject) = match &self.session {
            Some((user, role)) => (user.clone(), *role, Some(self.user.clone())),
            None => (self.user.clone(), self.role, None),
        };
        AuditRecord::new(Actor { user: Some(user), role: Some(role), subject }, action, object)
    }
}
