package repair

import (
	"path"
	"strings"
)

// A Python file is found by its name, and the directory that a command runs in comes first: a new argparse.py beside the code
// is loaded in the place of the library's, by the test runner and by whatever CI starts, before any test is.

// standardModules are those of Python's own library, and what runs tests or builds. "test" is not among them: it is what
// projects call their tests.
var standardModules = words(`
	abc aifc argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii bisect builtins bz2 cProfile
	calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall concurrent configparser
	contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils
	doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools
	gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http imaplib imghdr imp importlib
	inspect io ipaddress itertools json keyword linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap
	modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os
	ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile
	pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter
	runpy sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd
	sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau symtable sys
	sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap threading time timeit tkinter token tokenize
	tomllib trace traceback tracemalloc tty turtle types typing unicodedata unittest urllib uu uuid venv warnings wave
	weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo

	_pytest coverage exceptiongroup flit_core hatchling iniconfig mock nose nose2 packaging pip pkg_resources pluggy
	poetry py pytest pytest_cov setuptools tomli tox wheel xdist
`)

func words(s string) map[string]bool { return set(strings.Fields(s)...) }

// shadows says that a new file would be loaded in the place of one of those modules. Within a package it is not: its name
// begins with the package's there.
func (w *workbench) shadows(p string) bool {
	dir, file := path.Split(p)
	stem, ok := strings.CutSuffix(file, ".py")
	if _, there := w.byPath[p]; there || !ok {
		return false
	}
	if dir = strings.TrimSuffix(dir, "/"); stem == "__init__" {
		dir, stem = path.Split(dir)
		dir = strings.TrimSuffix(dir, "/")
	}
	_, inPackage := w.byPath[path.Join(dir, "__init__.py")]
	return standardModules[stem] && (dir == "" || !inPackage)
}
