"""A small application of Django: `migrate` changes definitions, `work` does what requests do."""

import sys

import django
from django.conf import settings

verb, port, database = sys.argv[1:]
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": port,
            "NAME": database,
            "USER": "app",
            "OPTIONS": {"sslmode": "disable"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402

if verb == "migrate":
    call_command("migrate", verbosity=0)

    class Ticket(models.Model):
        title = models.CharField(max_length=100, db_index=True)
        body = models.TextField()
        owner = models.ForeignKey(User, models.CASCADE)

        class Meta:
            app_label = "tickets"
            constraints = [models.UniqueConstraint(fields=["title", "owner"], name="ticket_title_owner")]

    with connection.schema_editor() as editor:
        editor.create_model(Ticket)
    field = models.IntegerField(default=3)
    field.set_attributes_from_name("priority")
    with connection.schema_editor() as editor:
        editor.add_field(Ticket, field)
        old = Ticket._meta.get_field("body")
        new = models.CharField(max_length=500, null=True)
        new.set_attributes_from_name("body")
        new.model = Ticket
        editor.alter_field(Ticket, old, new)
        editor.alter_db_table(Ticket, "tickets_ticket", "tickets_renamed")
    with connection.cursor() as cursor:
        cursor.execute("drop table tickets_renamed")
    call_command("inspectdb", stdout=open("/dev/null", "w"))
else:
    group, _ = Group.objects.get_or_create(name="staff")
    users = User.objects.bulk_create(
        [User(username=f"user{n}", email=f"user{n}@example.com") for n in range(20)],
        update_conflicts=True,
        unique_fields=["username"],
        update_fields=["email"],
    )
    jane = User.objects.get(username="user1")
    jane.groups.add(group)
    jane.user_permissions.set(Permission.objects.all()[:3])
    assert jane.has_perm("auth.add_group") in (True, False)
    assert len(list(User.objects.filter(username__startswith="user").iterator(chunk_size=5))) == 20
    with transaction.atomic():
        User.objects.select_for_update(skip_locked=True).filter(pk=jane.pk).first()
        try:
            with transaction.atomic():
                User.objects.filter(pk=jane.pk).update(first_name="Jane")
                raise RuntimeError
        except RuntimeError:
            pass
    User.objects.annotate(n=models.Count("groups")).filter(n__gt=0).values("username", "n").order_by("-n")[0]
    User.objects.filter(models.Exists(Group.objects.filter(user=models.OuterRef("pk")))).explain()
    User.objects.filter(username__iregex=r"^user\d$").exclude(email="").count()
    jane.delete()
print("ok")
