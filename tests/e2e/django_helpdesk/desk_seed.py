"""Makes an empty database a desk: a public queue that takes mail from a folder, a person on the staff, a user for the API."""

import json
import os

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from helpdesk.models import Queue  # noqa: E402

(staff, staff_password), (api, api_password) = json.loads(os.environ["DESK_PEOPLE"])

call_command("migrate", verbosity=0)
users = get_user_model().objects
users.create_superuser(staff, "sam@example.com", staff_password)
users.create_user(api, "innkeeper@example.com", api_password, is_staff=True)
Queue.objects.create(
    title="Support",
    slug="support",
    email_address="support@example.com",
    allow_public_submission=True,
    allow_email_submission=True,
    email_box_type="local",
    email_box_local_dir="inbox",  # in the folder that the desk works in
    email_box_interval=0,
)
