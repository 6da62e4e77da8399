"""Released migrations: no byte of an applied file may change, or the ledger refuses every existing installation."""

import hashlib

from deploy.stack import ROOT

RELEASED = {
    "auth/001_initial": "7aaff23ef0204be945ca17a9e19c3ff22fbc93f3c6d3c60cd132b771e474b2d5",
    "auth/002_people_and_sessions": "31abfc6ab75f189304e28983de5bca4176ba0d490edfef559604bbb9e2453858",
    "auth/003_initial_passwords": "ae157f92489d97795d47df308c880c825c8dddfaaf729ccae3c67100cc614960",
    "auth/004_audit_log_indexes": "079ce5bee6406fd77dfd604ba5cdff73c06d70754843008e6c4f1c8df8fed1f2",
    "auth/005_idempotent_answers": "fc81aa9d18145c0abf938cd0330f391c6dbbfe5b1a6e1108025e7da9150a7cfd",
    "auth/006_names_and_invitations": "d2064c488efbe995e7955522cf6c21b95a19b0847015bdf11948cf21d5a34c15",
    "content/001_initial": "884381cac35689a872c6d5bda10fa896c15e9f6acc5973891acafd8cf8ed158f",
    "content/002_change_feed": "0bca6f377d1cf130fdba1b7aea353078707df5d953cc72513af0228664b75f57",
    "content/003_audit_log": "f08092a9d10be344c3c2540c8062136e19a27fb9880cb238b736189a0db3694f",
    "content/004_audit_log_indexes": "079ce5bee6406fd77dfd604ba5cdff73c06d70754843008e6c4f1c8df8fed1f2",
    "content/005_replaced_keys": "b294eb1f38d651bd989493a5f78fc64ecb489e83d798ec79d46e6316033cb0c5",
    "content/006_slug_forms": "96fc1be772cd588f2ce3c48d7cc41cabd7074a8ad1966df3f99bd11961a9be44",
    "content/007_seed_mark": "802be49411433596aaf260c895a79c992470a8801e982c2d8155dcc494909697",
    "quiz/001_initial": "c0778ac294cd9d3f722b13e0ac6e784bf0612a01a5946cdcada32a499944c950",
    "quiz/002_following": "4ffacede7d457a731e7b740538652644dd9639d9b949871f7da147fb978c78c8",
    "quiz/003_audit_log": "f08092a9d10be344c3c2540c8062136e19a27fb9880cb238b736189a0db3694f",
    "quiz/004_audit_log_indexes": "079ce5bee6406fd77dfd604ba5cdff73c06d70754843008e6c4f1c8df8fed1f2",
    "quiz/005_quiz_versions": "1aef24ff31b7655a3f753707a639602bc4daa84efae6b0ca964e7623c0216d99",
    "quiz/006_seed_mark": "802be49411433596aaf260c895a79c992470a8801e982c2d8155dcc494909697",
}


def test_no_released_migration_has_changed() -> None:
    files = {name: ROOT / "services" / f"{name.replace('/', '/migrations/')}.py" for name in RELEASED}
    assert {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()} == RELEASED
