#!/usr/bin/env python3
"""postgresql.py BIN_DIR CONFIG_DIR: a real PostgreSQL starts from postgresql.conf and pg_hba.conf and explains them.

Makes a scratch data folder, starts a single-user session with the files, and prints every rule and setting that the server
itself reports as wrong (pg_hba_file_rules, pg_file_settings). Needs root, to become another user.
"""
import os
import shutil
import subprocess
import sys
import tempfile

bin_dir, config = sys.argv[1:]
os.chdir("/")
scratch = tempfile.mkdtemp()
try:
    conf = shutil.copytree(config, scratch + "/conf")
    for path, _, names in os.walk(scratch):
        for name in [path] + [os.path.join(path, name) for name in names]:
            shutil.chown(name, "postgres")
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data = scratch + "/data"
    subprocess.run(user + [bin_dir + "/initdb", "-D", data, "-A", "trust", "-U", "postgres"], check=True, stdout=subprocess.DEVNULL)
    query = "select count(*) as rules from pg_hba_file_rules; select line_number, error from pg_hba_file_rules where error is not null; " \
            "select name, error from pg_file_settings where error is not null " \
            "and name not in ('data_directory', 'hba_file', 'ident_file'); \n"
    run = subprocess.run(
        user + [bin_dir + "/postgres", "--single", "-D", data, "-c", f"config_file={conf}/postgresql.conf", "-c", f"data_directory={data}",
                "-c", f"hba_file={conf}/pg_hba.conf", "-c", f"external_pid_file={scratch}/pid", "postgres"],
        input=query, capture_output=True, text=True)
    print(run.stdout, run.stderr)
    bad = "error = " in run.stdout or "FATAL" in run.stderr or "ERROR" in run.stderr or 'rules = "' not in run.stdout
    sys.exit(1 if bad or run.returncode else 0)
finally:
    shutil.rmtree(scratch)
