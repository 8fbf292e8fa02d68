"""A shop in Django in one file, with its mistakes: `djangoapp.py runserver`."""
import logging
import os
import sys

import django
from django.apps import AppConfig
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import connection, models
from django.http import HttpResponse
from django.urls import path

settings.configure(
    DEBUG=False, SECRET_KEY="not-a-secret", ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/app/shop.db"}},
    INSTALLED_APPS=[], MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    LOGGING={
        "version": 1, "disable_existing_loggers": False,
        "formatters": {
            "plain": {"format": "{asctime} {levelname} {name} {process:d} {thread:d} {message}", "style": "{"},
            "access": {"format": "[{asctime}] {message}", "style": "{"},
        },
        "handlers": {
            "plain": {"class": "logging.StreamHandler", "formatter": "plain"},
            "access": {"class": "logging.StreamHandler", "formatter": "access"},
        },
        "root": {"handlers": ["plain"], "level": "INFO"},
        "loggers": {"django.server": {"handlers": ["access"], "level": "INFO", "propagate": False}},
    },
)
django.setup()
log = logging.getLogger("shop.views")


class Order(models.Model):
    ref = models.CharField(max_length=40, unique=True)

    class Meta:
        app_label = "shop"


def ok(request, ref):
    log.info("%s checked: errors=0 error=None", ref)
    return HttpResponse("ok")


def crash(request, ref):
    return HttpResponse(len(ref) / (len(ref) - len(ref)))


def double(request, ref):
    Order.objects.create(ref=ref)
    Order.objects.create(ref=ref)


def missing(request, ref):
    return HttpResponse(Order.objects.get(ref="none-" + ref).ref)


def handled(request, ref):
    try:
        Order.objects.get(ref="none-" + ref)
    except Order.DoesNotExist:
        log.exception("order %s is not there", ref)
    return HttpResponse("ok")


def raw(request, ref):
    with connection.cursor() as c:
        c.execute("select * from nothing_" + ref.replace("-", "_"))


urlpatterns = [path(f"{v.__name__}/<ref>", v) for v in (ok, crash, double, missing, handled, raw)]

if __name__ == "__main__":
    if not os.path.exists("/srv/app/shop.db"):
        with connection.schema_editor() as e:
            e.create_model(Order)
        connection.close()
    execute_from_command_line(sys.argv)
