/**
 * Programs with their options as their `--help` tells them, whether the gateway understands them or not:
 * `name operands: a/all o/output=FILE /color[=WHEN]`. Operands are paths (P), words (W), numbers (N), a mode (M), an
 * owner (O), a command (C); `*` any number of them, `?` perhaps one.
 */
const TABLE = `
cat P*: A/show-all b/number-nonblank e E/show-ends n/number s/squeeze-blank t T/show-tabs u v/show-nonprinting
tac P*: b/before r/regex s/separator=STRING
head P*: c/bytes=NUM n/lines=NUM q/quiet v/verbose z/zero-terminated
tail P*: c/bytes=NUM n/lines=NUM q/quiet v/verbose z/zero-terminated /pid=N s/sleep-interval=N F f/follow[=WORD]
wc P*: c/bytes m/chars l/lines /files0-from=FILE L/max-line-length w/words
md5sum P*: b/binary c/check /tag t/text z/zero /ignore-missing /quiet /status /strict w/warn
sha256sum P*: b/binary c/check /tag z/zero /quiet /status
b2sum P*: b/binary c/check l/length=N /tag
cksum P*: a/algorithm=TYPE c/check l/length=N /tag /untagged z/zero /debug
sum P*: r s/sysv
od P*: A/address-radix=RADIX /endian=WORD j/skip-bytes=N N/read-bytes=N S/strings[=N] t/format=TYPE v/output-duplicates w/width[=N] /traditional a b c x
hexdump P*: b/one-byte-octal C/canonical e/format=FORMAT f/format-file=FILE n/length=N s/skip=N v/no-squeezing
strings P*: a/all d/data f/print-file-name n=N t/radix=RADIX w/include-all-whitespace T/target=WORD e/encoding=WORD s/output-separator=STRING
zcat P*: f/force l/list q/quiet r/recursive S/suffix=SUFFIX v/verbose
cut P*: b/bytes=LIST c/characters=LIST d/delimiter=CHAR f/fields=LIST n /complement s/only-delimited /output-delimiter=STRING z/zero-terminated
paste P*: d/delimiters=LIST s/serial z/zero-terminated
comm PP: 1 2 3 /check-order /nocheck-order /output-delimiter=STRING /total z/zero-terminated
cmp PP: b/print-bytes i/ignore-initial=N l/verbose n/bytes=N s/quiet
diff PP: q/brief s/report-identical-files u U/unified=N c e/ed n/rcs y/side-by-side W/width=N r/recursive /no-dereference N/new-file /unidirectional-new-file x/exclude=PATTERN X/exclude-from=FILE S/starting-file=FILE /from-file=FILE /to-file=FILE i/ignore-case l/paginate a/text D/ifdef=WORD /color[=WHEN] /label=WORD d/minimal
join PP: a=N e=STRING i/ignore-case j=N o=FORMAT t=CHAR v=N 1=N 2=N /header /check-order
fold P*: b/bytes s/spaces w/width=N
fmt P*: c/crown-margin p/prefix=STRING s/split-only t/tagged-paragraph u/uniform-spacing w/width=N g/goal=N
nl P*: b/body-numbering=STYLE d/section-delimiter=CHAR i/line-increment=N n/number-format=FORMAT s/number-separator=STRING v/starting-line-number=N w/number-width=N
rev P*:
readlink P*: f/canonicalize e/canonicalize-existing m/canonicalize-missing n/no-newline q/quiet s/silent v/verbose z/zero
realpath P*: e/canonicalize-existing m/canonicalize-missing L/logical P/physical q/quiet /relative-to=DIR /relative-base=DIR s/strip z/zero
base64 P?: d/decode i/ignore-garbage w/wrap=N
base32 P?: d/decode w/wrap=N
stat P*: L/dereference f/file-system c/format=FORMAT /printf=FORMAT t/terse
df P*: a/all B/block-size=SIZE h/human-readable i/inodes k l/local /output[=LIST] P/portability t/type=WORD x/exclude-type=WORD
who P?: a/all b/boot H/heading q/count u/users
last W?: d/dns f/file=FILE n/limit=N w/fullnames
column P*: t/table s/separator=CHAR o/output-separator=STRING x/fillrows J/json n/table-name=WORD N/table-columns=WORD r/tree=WORD c/output-width=N
pathchk P*: p P /portability
grep WP*: E/extended-regexp F/fixed-strings P/perl-regexp e/regexp=PATTERN f/file=FILE i/ignore-case w/word-regexp x/line-regexp z/null-data s/no-messages v/invert-match m/max-count=N b/byte-offset n/line-number /line-buffered H/with-filename h/no-filename /label=WORD o/only-matching q/quiet /binary-files=WORD a/text I d/directories=ACTION D/devices=ACTION r/recursive R/dereference-recursive /include=PATTERN /exclude=PATTERN /exclude-from=FILE /exclude-dir=PATTERN L/files-without-match l/files-with-matches c/count T/initial-tab Z/null B/before-context=N A/after-context=N C/context=N /color[=WHEN]
egrep WP*: e/regexp=PATTERN f/file=FILE r/recursive R/dereference-recursive l/files-with-matches i/ignore-case /include=PATTERN
fgrep WP*: e/regexp=PATTERN f/file=FILE r/recursive R/dereference-recursive d/directories=ACTION
zgrep WP*: e/regexp=PATTERN f/file=FILE r/recursive i/ignore-case
file P*: m/magic-file=FILE z/uncompress b/brief c/checking-printout e/exclude=WORD f/files-from=FILE F/separator=STRING i/mime k/keep-going l/list L/dereference h/no-dereference p/preserve-date r/raw s/special-files C/compile
ls P*: a/all A/almost-all /author b/escape /block-size=SIZE B/ignore-backups c C /color[=WHEN] d/directory D/dired f F/classify[=WHEN] /file-type /format=WORD /full-time g /group-directories-first G/no-group h/human-readable /si H/dereference-command-line /dereference-command-line-symlink-to-dir /hide=PATTERN i/inode I/ignore=PATTERN k/kibibytes l L/dereference m n/numeric-uid-gid N/literal o p q Q/quote-name /quoting-style=WORD r/reverse R/recursive s/size S /sort=WORD /time=WORD /time-style=WORD t T/tabsize=N u U v w/width=N x X Z/context /zero 1
dir P*: a/all l R/recursive d/directory
du P*: 0/null a/all /apparent-size B/block-size=SIZE b/bytes c/total D/dereference-args d/max-depth=N /files0-from=FILE H h/human-readable /inodes k L/dereference l/count-links m P/no-dereference S/separate-dirs s/summarize t/threshold=SIZE /time[=WORD] X/exclude-from=FILE /exclude=PATTERN x/one-file-system
sort P*: b/ignore-leading-blanks d/dictionary-order f/ignore-case g/general-numeric-sort i/ignore-nonprinting M/month-sort h/human-numeric-sort n/numeric-sort R/random-sort /random-source=FILE r/reverse /sort=WORD V/version-sort /batch-size=N c C/check[=WORD] /compress-program=PROGRAM /debug /files0-from=FILE k/key=N m/merge o/output=FILE s/stable S/buffer-size=SIZE t/field-separator=CHAR T/temporary-directory=DIR /parallel=N u/unique z/zero-terminated
rm P*: f/force i I /interactive[=WHEN] /one-file-system /no-preserve-root /preserve-root[=WORD] r R/recursive d/dir v/verbose
unlink P:
shred P*: f/force n/iterations=N /random-source=FILE s/size=N u /remove[=HOW] v/verbose x/exact z/zero
touch P*: a c/no-create d/date=DATE f h/no-dereference m r/reference=FILE t=STAMP /time=WORD
mkdir P*: m/mode=MODE p/parents v/verbose Z
mkfifo P*: m/mode=MODE
mknod PW: m/mode=MODE
tee P*: a/append i/ignore-interrupts p /output-error[=WORD]
truncate P*: c/no-create o/io-blocks r/reference=FILE s/size=SIZE
rmdir P*: /ignore-fail-on-non-empty p/parents v/verbose
chmod MP*: c/changes f/silent v/verbose /reference=FILE R/recursive
chown OP*: c/changes f/silent v/verbose h/no-dereference /from=OWNER /reference=FILE R/recursive H L P
chgrp OP*: c/changes h/no-dereference /reference=FILE R/recursive H L P
cp P*P: a/archive /attributes-only /backup[=CONTROL] b /copy-contents d f/force H l/link L/dereference n/no-clobber P/no-dereference p /preserve[=LIST] /no-preserve=LIST /parents R r/recursive /reflink[=WHEN] /remove-destination /sparse=WHEN /strip-trailing-slashes s/symbolic-link S/suffix=SUFFIX t/target-directory=DIR T/no-target-directory u/update v/verbose x/one-file-system
install P*P: /backup[=CONTROL] b c C/compare d/directory D g/group=OWNER m/mode=MODE o/owner=OWNER p/preserve-timestamps s/strip /strip-program=PROGRAM S/suffix=SUFFIX t/target-directory=DIR T/no-target-directory v/verbose
mv P*P: /backup[=CONTROL] b f/force n/no-clobber /strip-trailing-slashes S/suffix=SUFFIX t/target-directory=DIR T/no-target-directory u/update v/verbose
ln P*P: /backup[=CONTROL] b d/directory f/force L/logical n/no-dereference P/physical r/relative s/symbolic S/suffix=SUFFIX t/target-directory=DIR T/no-target-directory v/verbose
link PP:
uniq P?P?: c/count d/repeated D /all-repeated[=WORD] f/skip-fields=N /group[=WORD] i/ignore-case s/skip-chars=N u/unique z/zero-terminated w/check-chars=N
date W?: d/date=DATE /debug f/file=FILE I/iso-8601[=WORD] R/rfc-email /rfc-3339=WORD r/reference=FILE s/set=DATE u/utc
hostname W?: f/fqdn s/short i/ip-address F/file=FILE
echo W*: n e E
true W*:
whoami:
id W?: g/group G/groups n/name r/real u/user z/zero
groups W?:
uname: a/all s/kernel-name n/nodename r/kernel-release m/machine
uptime: p/pretty s/since
pwd: L/logical P/physical
tr WW?: c C/complement d/delete s/squeeze-repeats t/truncate-set1
sleep 0:
seq N: f/format=FORMAT s/separator=STRING w/equal-width
tty: s/silent
nproc: /all /ignore=N
basename PW?: a/multiple s/suffix=SUFFIX z/zero
dirname P*: z/zero
expr WWW:
printenv W*: 0/null
ps: e f
free: b/bytes h/human t/total
getconf W:
which W*: a
printf WW*:
sed WP*: n/quiet /debug e/expression=SED f/file=FILE /follow-symlinks i/in-place[=SUFFIX] l/line-length=N /posix E/regexp-extended s/separate /sandbox u/unbuffered z/null-data
awk WP*: f=FILE v=ASSIGN F=CHAR
tar P*: c/create t/list x/extract r/append f/file=FILE C/directory=DIR T/files-from=FILE X/exclude-from=FILE z/gzip O/to-stdout /to-command=COMMAND I/use-compress-program=PROGRAM h/dereference v/verbose /remove-files /checkpoint[=N] /checkpoint-action=ACTION
gzip P*: c/stdout d/decompress f/force k/keep l/list r/recursive S/suffix=SUFFIX t/test
split P?W?: b/bytes=SIZE l/lines=N d a/suffix-length=N /filter=COMMAND /additional-suffix=SUFFIX n/number=N
csplit PN: f/prefix=FILE k/keep-files n/digits=N s/quiet
shuf P?: e/echo i/input-range=RANGE n/head-count=N o/output=FILE /random-source=FILE r/repeat
tsort P?:
pr P*: h/header=STRING l/length=N n t/omit-header
expand P*: i/initial t/tabs=N
unexpand P*: a/all t/tabs=N
numfmt W*: d/delimiter=CHAR /from=WORD /to=WORD
factor N:
mktemp W?: d/directory u/dry-run q/quiet /suffix=SUFFIX p/tmpdir[=DIR] t
sync P*: d/data f/file-system
look WP?: a/alternative t/terminate=CHAR
more P*: d f
diff3 PPP: A/show-all e/ed m/merge a/text /diff-program=PROGRAM L/label=WORD
sdiff PP: o/output=FILE s/suppress-common-lines /diff-program=PROGRAM
xxd P?P?: p r l=N
logger W*: f/file=FILE s/stderr /no-act
namei P*: l/long m/modes
pgrep W: f/full l/list-name F/pidfile=FILE u/euid=WORD
lscpu: J/json s/sysroot=DIR
lsblk: J/json o/output=LIST
dd:
find:
kill W: s/signal=WORD l/list
`

/** Programs that run what comes after. */
const WRAPPER_TABLE = `
env: i/ignore-environment 0/null u/unset=NAME C/chdir=DIR S/split-string=COMMAND /block-signal[=SIG] /default-signal[=SIG] /ignore-signal[=SIG] /list-signal-handling v/debug
nice: n/adjustment=N
nohup:
setsid: c/ctty f/fork w/wait
time: a/append f/format=FORMAT o/output=FILE p/portability q/quiet v/verbose
stdbuf: i/input=MODE o/output=MODE e/error=MODE
timeout: /preserve-status /foreground k/kill-after=N s/signal=SIG v/verbose
ionice: c/class=N n/classdata=N t/ignore
xargs: 0/null a/arg-file=FILE d/delimiter=CHAR E=END e/eof[=END] I=R i/replace[=R] L/max-lines=N l n/max-args=N o/open-tty P/max-procs=N p/interactive /process-slot-var=NAME r/no-run-if-empty s/max-chars=N /show-limits t/verbose x/exit
command: p v V
builtin:
exec: a=WORD c l
chroot: /skip-chdir /userspec=OWNER
flock: s/shared n/nonblock w/timeout=N c/command=COMMAND
chrt: o/other p
taskset: c/cpu-list=N p
setpriv: /no-new-privs
prlimit: n/nofile=N
busybox:
sudo: n/non-interactive u/user=WORD E
`

export interface Option {
  readonly short: string | undefined
  readonly long: string | undefined
  /** What kind of word it takes. */
  readonly value: string | undefined
  readonly isOptional: boolean
}
export interface Program {
  readonly name: string
  readonly operands: string
  readonly options: readonly Option[]
}

export const PROGRAMS: readonly Program[] = parse(TABLE)
export const WRAPPERS: readonly Program[] = parse(WRAPPER_TABLE)

function parse(table: string): readonly Program[] {
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [, name = '', operands = '', options = ''] = /^(\S+?)(?: (\S+))?:(.*)$/.exec(line) ?? []
      return {
        name,
        operands,
        options: options
          .split(' ')
          .filter((text) => text !== '')
          .map(parseOption),
      }
    })
}

function parseOption(text: string): Option {
  const [, names = '', optional, value] = /^([^=[]+)(?:(\[?)=(\w+)\]?)?$/.exec(text) ?? []
  const [short, long] = names.split('/')
  return { short: short === '' ? undefined : short, long, value, isOptional: optional === '[' }
}
