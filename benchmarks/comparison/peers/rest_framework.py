"""The public list in Django REST Framework, as its documentation would write it.

Unmanaged models of the same tables, a ``ModelSerializer``, filters in ``get_queryset``, and its pagination
with a count. Run by gunicorn in one process of threads: under uvicorn each request would change thread
twice.
"""

import os
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import path
from django.utils import timezone

_dsn = urlsplit(os.environ["BENCH_DSN"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    SECRET_KEY="of a benchmark",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["rest_framework"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _dsn.path.lstrip("/"),
            "USER": _dsn.username,
            "HOST": dict(parse_qsl(_dsn.query))["host"],
            "PORT": "5432",
            # Connections that stay open, as the documentation advises for threads.
            "OPTIONS": {"pool": {"min_size": 4, "max_size": 16}, "options": "-c jit=off"},
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()

# Only once Django is set up.
from django.contrib.postgres.fields import ArrayField  # noqa: E402
from rest_framework import generics, pagination, serializers  # noqa: E402


class Territory(models.Model):
    """A territory."""

    id = models.UUIDField(primary_key=True)
    slug = models.TextField()
    lineage = ArrayField(models.UUIDField())
    features = ArrayField(models.TextField())

    class Meta:
        managed = False
        db_table = "territory"
        app_label = "benchmark"


class Commune(models.Model):
    """A commune."""

    code = models.TextField(primary_key=True)
    name = models.TextField()

    class Meta:
        managed = False
        db_table = "commune"
        app_label = "benchmark"


class Occupation(models.Model):
    """A trade."""

    code = models.TextField(primary_key=True)
    label = models.TextField()

    class Meta:
        managed = False
        db_table = "occupation"
        app_label = "benchmark"


class Posting(models.Model):
    """A posting, with what the public reads of it."""

    id = models.UUIDField(primary_key=True)
    territory = models.ForeignKey(Territory, models.DO_NOTHING)
    employer_name = models.TextField(null=True)
    source = models.TextField()
    source_id = models.TextField(null=True)
    source_url = models.TextField(null=True)
    source_created_at = models.DateTimeField(null=True)
    state = models.TextField()
    shown = models.BooleanField()
    title = models.TextField()
    description = models.TextField(null=True)
    language = models.TextField()
    occupation = models.ForeignKey(
        Occupation, models.DO_NOTHING, db_column="occupation_code", null=True, db_constraint=False
    )
    contract_kind = models.TextField(null=True)
    contract_label = models.TextField(null=True)
    working_time = models.TextField(null=True)
    hours_label = models.TextField(null=True)
    start_date = models.DateField(null=True)
    positions = models.IntegerField()
    salary_min = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    salary_max = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    salary_unit = models.TextField(null=True)
    salary_label = models.TextField(null=True)
    yearly_salary_min = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    yearly_salary_max = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    commune = models.ForeignKey(
        Commune, models.DO_NOTHING, db_column="commune_code", null=True, db_constraint=False
    )
    departement_code = models.TextField(null=True)
    place_label = models.TextField(null=True)
    postal_code = models.TextField(null=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    remote = models.TextField(null=True)
    sector_code = models.TextField(null=True)
    skills = models.JSONField()
    experience = models.TextField(null=True)
    experience_label = models.TextField(null=True)
    qualification_label = models.TextField(null=True)
    education = models.JSONField()
    languages = models.JSONField()
    licences = models.JSONField()
    benefits = ArrayField(models.TextField())
    travel_label = models.TextField(null=True)
    apprenticeship = models.BooleanField()
    accessible = models.BooleanField(null=True)
    tension = models.JSONField(null=True)
    apply_url = models.TextField(null=True)
    apply_email = models.TextField(null=True)
    valid_through = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "posting"
        app_label = "benchmark"


class PostingSerializer(serializers.ModelSerializer):
    """A posting as the public reads it."""

    territory = serializers.CharField(source="territory.slug")
    occupation_label = serializers.CharField(source="occupation.label", default=None)
    commune_name = serializers.CharField(source="commune.name", default=None)

    class Meta:
        model = Posting
        exclude = ("state", "shown", "yearly_salary_min", "yearly_salary_max")


class Pages(pagination.LimitOffsetPagination):
    """Twenty at a time."""

    default_limit = 20
    max_limit = 100


class Postings(generics.ListAPIView):
    """The postings of a territory and of all inside it, the newest first."""

    serializer_class = PostingSerializer
    pagination_class = Pages

    _exact: ClassVar[dict[str, str]] = {
        "contract": "contract_kind__in",
        "working_time": "working_time__in",
        "commune": "commune__in",
    }

    def get_queryset(self) -> Any:
        """Return what the filters leave."""
        territory = generics.get_object_or_404(Territory, slug=self.kwargs["slug"])
        found = Posting.objects.filter(
            Q(valid_through__isnull=True) | Q(valid_through__gt=timezone.now()),
            territory__lineage__contains=[territory.id],
            state="published",
            shown=True,
        )
        asked = self.request.query_params
        for name, lookup in self._exact.items():
            if values := asked.getlist(name):
                found = found.filter(**{lookup: values})
        if least := asked.get("salary_from"):
            found = found.alias(pay=Coalesce("yearly_salary_max", "yearly_salary_min")).filter(pay__gte=least)
        if since := asked.get("published_since"):
            found = found.filter(published_at__gte=since)
        return found.select_related("territory", "commune", "occupation").order_by("-published_at", "-id")


urlpatterns = [path("v1/territories/<slug:slug>/postings", Postings.as_view())]
application = get_wsgi_application()
