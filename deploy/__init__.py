"""Deployment on one machine and in containers.

- cli: the commands of `flix`. folders, env_file, tools_container, output: what they share with the others.
- run: `flix up`. prepare migrates and seeds; stack starts and stops processes, each through child; supervision starts
  them again; folder_lock keeps a second stack out; log_files bounds their logs. commands: the services' own commands.
- backup, restore, backup_schedule: copies of the databases, in the form of archive, by engines. import_baseline: the
  rows of an old installation.
- Containers: Dockerfile, compose files, make-secrets.sh, production-env, redeploy and the scripts NAME-compose;
  observability for Prometheus and Grafana; gunicorn.conf.py for every server.
- openapi: the published document. release: the checks before a release.
"""
