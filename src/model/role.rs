//! Roles within a tenant, and the one table that says what each may do.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::role_reference::reference;

/// What a member does in a tenant. The wire name is the `snake_case` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Founded the tenant; practises there.
    Owner,
    /// Manages users, organization, reports and the log; sees patients only with a clinical role beside it.
    Admin,
    /// Physician.
    Doctor,
    /// Nurse.
    Nurse,
    /// Midwife.
    Midwife,
    /// Pharmacist of a hospital or laboratory.
    Pharmacist,
    /// Owner of a pharmacy's licence.
    Titulaire,
    /// Employed pharmacist of a pharmacy.
    Adjoint,
    /// Trainee of a pharmacy.
    Stagiaire,
    /// Medical biologist.
    Biologist,
    /// Radiologist.
    Radiologist,
    /// Allied professional at the patient's home or in the clinic.
    Caregiver,
    /// Front desk: appointments and staff lists, no clinical data.
    Secretary,
    /// Invoices, no clinical data.
    Accountant,
}

/// What can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read patients of the tenant and care teams.
    PatientsRead,
    /// Create and change patients.
    PatientsWrite,
    /// Create and change prescriptions.
    PrescriptionsWrite,
    /// Read and write invoices.
    InvoicesManage,
    /// Appointments, slots, call requests.
    SchedulingManage,
    /// Staff lists and departments.
    StaffManage,
    /// Users, roles, invitations.
    UsersManage,
    /// The organization's own data and code.
    OrganizationManage,
    /// Reports.
    ReportsRead,
    /// The activity log.
    AuditRead,
}

use Permission::{
    AuditRead, InvoicesManage, OrganizationManage, PatientsRead, PatientsWrite, PrescriptionsWrite, ReportsRead,
    SchedulingManage, StaffManage, UsersManage,
};

impl Permission {
    /// All permissions, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::PatientsRead,
        Self::PatientsWrite,
        Self::PrescriptionsWrite,
        Self::InvoicesManage,
        Self::SchedulingManage,
        Self::StaffManage,
        Self::UsersManage,
        Self::OrganizationManage,
        Self::ReportsRead,
        Self::AuditRead,
    ];

    /// The wire name, and what it means.
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::PatientsRead => ("patients_read", "Read patients of the tenant and care teams."),
            Self::PatientsWrite => ("patients_write", "Create and change patients."),
            Self::PrescriptionsWrite => ("prescriptions_write", "Create and change prescriptions."),
            Self::InvoicesManage => ("invoices_manage", "Read and write invoices."),
            Self::SchedulingManage => ("scheduling_manage", "Appointments, slots, call requests."),
            Self::StaffManage => ("staff_manage", "Staff lists and departments."),
            Self::UsersManage => ("users_manage", "Users, roles, invitations."),
            Self::OrganizationManage => ("organization_manage", "The organization's own data and code."),
            Self::ReportsRead => ("reports_read", "Reports."),
            Self::AuditRead => ("audit_read", "The activity log."),
        }
    }

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// What it allows, for the documentation.
    pub const fn meaning(self) -> &'static str {
        self.row().1
    }
}

const CLINICIAN: &[Permission] = &[PatientsRead, PatientsWrite, PrescriptionsWrite, SchedulingManage];

impl Role {
    /// All roles, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::Owner,
        Self::Admin,
        Self::Doctor,
        Self::Nurse,
        Self::Midwife,
        Self::Pharmacist,
        Self::Titulaire,
        Self::Adjoint,
        Self::Stagiaire,
        Self::Biologist,
        Self::Radiologist,
        Self::Caregiver,
        Self::Secretary,
        Self::Accountant,
    ];

    /// The wire name, and what the role may do: the table that `docs/roles.md` shows.
    const fn row(self) -> (&'static str, &'static [Permission]) {
        match self {
            Self::Owner => (
                "owner",
                &[
                    PatientsRead,
                    PatientsWrite,
                    PrescriptionsWrite,
                    InvoicesManage,
                    SchedulingManage,
                    StaffManage,
                    UsersManage,
                    OrganizationManage,
                    ReportsRead,
                    AuditRead,
                ],
            ),
            Self::Admin => {
                ("admin", &[SchedulingManage, StaffManage, UsersManage, OrganizationManage, ReportsRead, AuditRead])
            }
            Self::Doctor => ("doctor", CLINICIAN),
            Self::Nurse => ("nurse", &[PatientsRead, PatientsWrite, SchedulingManage]),
            Self::Midwife => ("midwife", CLINICIAN),
            Self::Pharmacist => ("pharmacist", &[PatientsRead, PatientsWrite, PrescriptionsWrite]),
            Self::Titulaire => (
                "titulaire",
                &[
                    PatientsRead,
                    PatientsWrite,
                    PrescriptionsWrite,
                    InvoicesManage,
                    SchedulingManage,
                    StaffManage,
                    UsersManage,
                    OrganizationManage,
                    ReportsRead,
                    AuditRead,
                ],
            ),
            Self::Adjoint => ("adjoint", &[PatientsRead, PatientsWrite, PrescriptionsWrite, InvoicesManage]),
            Self::Stagiaire => ("stagiaire", &[PatientsRead]),
            Self::Biologist => ("biologist", &[PatientsRead, PatientsWrite]),
            Self::Radiologist => ("radiologist", &[PatientsRead, PatientsWrite]),
            Self::Caregiver => ("caregiver", &[PatientsRead, PatientsWrite]),
            Self::Secretary => ("secretary", &[SchedulingManage, StaffManage]),
            Self::Accountant => ("accountant", &[InvoicesManage, ReportsRead]),
        }
    }

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Who has the role, for the documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Owner => "Founded the tenant and practises there.",
            Self::Admin => {
                "Manages users, the organization, reports and the log; sees patients only with a clinical role beside it."
            }
            Self::Doctor => "Physician.",
            Self::Nurse => "Nurse.",
            Self::Midwife => "Midwife.",
            Self::Pharmacist => "Pharmacist of a hospital or laboratory.",
            Self::Titulaire => "Owner of a pharmacy's licence.",
            Self::Adjoint => "Employed pharmacist of a pharmacy.",
            Self::Stagiaire => "Trainee of a pharmacy.",
            Self::Biologist => "Medical biologist.",
            Self::Radiologist => "Radiologist.",
            Self::Caregiver => "Allied professional at the patient's home or in the clinic.",
            Self::Secretary => "Front desk: appointments and staff lists, no clinical data.",
            Self::Accountant => "Invoices, no clinical data.",
        }
    }

    /// What the role may do.
    pub const fn permissions(self) -> &'static [Permission] {
        self.row().1
    }

    /// Reads a wire name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether any of `roles` may do `permission`.
pub fn allow(roles: &[Role], permission: Permission) -> bool {
    roles.iter().any(|role| role.permissions().contains(&permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_sees_patients_only_with_a_clinical_role() {
        assert!(!allow(&[Role::Admin], PatientsRead));
        assert!(allow(&[Role::Admin, Role::Doctor], PatientsRead));
        assert!(allow(&[Role::Owner], PatientsRead));
        assert!(!allow(&[], PatientsRead));
    }

    #[test]
    fn names_go_both_ways() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        for permission in Permission::ALL {
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
        }
        assert_eq!(Role::parse("Owner"), None);
    }
}
