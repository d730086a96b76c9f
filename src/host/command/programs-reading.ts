import { isText, type Word } from './options.ts'
import { ANYWHERE, placePath, type Place } from './paths.ts'
import { fileReader, pathsOf, program, reader, trees, type Program } from './program.ts'

const DIGESTS = '-b -c -t -z -w --binary --check --tag --text --zero --ignore-missing --quiet --status --strict --warn'

/** Searches files, or all that is below directories. The first operand is a pattern, unless an option gives one. */
const grep = program({
  options: {
    plain:
      '-E -F -G -P -i -y -w -x -z -s -v -V -b -n -H -h -o -q -a -I -L -l -c -T -Z -U -m: -A: -B: -C: --extended-regexp --fixed-strings --basic-regexp --perl-regexp --ignore-case --no-ignore-case --word-regexp --line-regexp --null-data --no-messages --invert-match --max-count= --byte-offset --line-number --line-buffered --with-filename --no-filename --label= --only-matching --quiet --silent --binary-files= --text --include= --exclude= --exclude-dir= --files-without-match --files-with-matches --count --initial-tab --null --before-context= --after-context= --context= --group-separator= --no-group-separator --color? --colour? --binary',
    pattern: '-e: --regexp=',
    patterns: '-f: --file=',
    reads: '--exclude-from=',
    deep: '-r --recursive',
    // Follows links on its way.
    anywhere: '-R --dereference-recursive',
  },
  style: { hasNumbers: true },
  worst: 'reads',
  counts: true,
  effect({ operands, has, argumentsOf }, place) {
    const files = has('pattern') || has('patterns') ? operands : operands.slice(1)
    const patterns = pathsOf(argumentsOf('patterns'), place)
    if (!has('deep')) return { reads: [...patterns, ...pathsOf(files, place)], writes: [] }
    const places = files.length === 0 ? [placePath('.', place)] : pathsOf(files, place)
    return { reads: [...patterns, ...trees(places)], writes: [] }
  },
})

/** gzip looks for the name with its suffixes as well. */
const compressed = (operands: readonly Word[], place: Place): string[] =>
  pathsOf(operands, place).flatMap((path) =>
    path === ANYWHERE ? [path] : [path, ...['.gz', '-gz', '.z', '-z', '_z', '.Z', '.tgz'].map((end) => path + end)],
  )

/** Reads what it is given to compare; of directories what they hold, and links in them are followed. */
const diff = program({
  options: {
    plain:
      '-u -U: -c -C: -y -q -s -i -w -b -B -E -Z -a -d -e -n -p -t -T -W: -x: -I: -L: --brief --report-identical-files --side-by-side --suppress-common-lines --color? --unified? --context? --width= --exclude= --ignore-matching-lines= --strip-trailing-cr --label= --tabsize= --ignore-case --ignore-all-space --ignore-space-change --ignore-blank-lines --ignore-trailing-space --ignore-tab-expansion --text --minimal --ed --rcs --show-c-function --expand-tabs --initial-tab --left-column --normal --speed-large-files',
    plainTrees: '-r --recursive -N --new-file --unidirectional-new-file',
    reads: '-X: --exclude-from=',
    anywhere: '--from-file= --to-file=',
    notFollowed: '--no-dereference',
  },
  worst: 'reads',
  effect({ operands, has }, place) {
    const paths = pathsOf(operands, place)
    // Nothing but a file is compared with the standard input.
    if (operands.includes('-') && !has('plainTrees')) return { reads: paths, writes: [] }
    return { reads: [...trees(paths), ...(has('notFollowed') ? [] : [ANYWHERE])], writes: [] }
  },
})

/** A word @FILE stands for words in FILE. */
const strings = reader({
  plain:
    '-a -f -w -n: -t: -o -e: -s: -d --all --data --print-file-name --bytes= --radix= --encoding= --output-separator= --include-all-whitespace',
})

/** Programs that read the files they are given, and write nothing. */
export const FILE_READERS: Readonly<Record<string, Program>> = {
  cat: reader({
    plain:
      '-A -b -e -E -n -s -t -T -u -v --show-all --number-nonblank --show-ends --number --squeeze-blank --show-tabs --show-nonprinting',
  }),
  tac: reader({ plain: '-b -r -s: --before --regex --separator=' }),
  rev: fileReader({}),
  nl: reader({
    plain:
      '-b: -d: -f: -h: -i: -l: -n: -p -s: -v: -w: --body-numbering= --section-delimiter= --footer-numbering= --header-numbering= --line-increment= --join-blank-lines= --number-format= --no-renumber --number-separator= --starting-line-number= --number-width=',
  }),
  head: reader(
    { plain: '-c: -n: -q -v -z --bytes= --lines= --quiet --silent --verbose --zero-terminated' },
    { hasNumbers: true },
  ),
  tail: reader(
    {
      plain:
        '-c: -f -F -n: -q -s: -v -z --bytes= --follow? --lines= --max-unchanged-stats= --pid= --quiet --silent --retry --sleep-interval= --verbose --zero-terminated',
    },
    { hasNumbers: true },
  ),
  wc: reader({
    plain: '-c -m -l -L -w --bytes --chars --lines --max-line-length --words --total=',
    anywhere: '--files0-from=',
  }),
  'md5sum sha1sum sha224sum sha256sum sha384sum sha512sum': program({
    options: { plain: DIGESTS.replace('-c ', '').replace('--check ', ''), anywhere: '-c --check' },
    worst: 'reads',
    effect: ({ operands }, place) => ({ reads: pathsOf(operands, place), writes: [] }),
  }),
  b2sum: reader({ plain: '-b -l: -t -z -w --binary --length= --tag --text --zero', anywhere: '-c --check' }),
  cksum: reader({ plain: '-a: -l: -z --algorithm= --length= --untagged --tag --zero --debug', anywhere: '-c --check' }),
  sum: reader({ plain: '-r -s --sysv' }),
  od: reader({
    plain:
      '-A: -j: -N: -S: -t: -v -w? -a -b -c -d -f -i -l -o -s -x --address-radix= --endian= --skip-bytes= --read-bytes= --strings? --format= --output-duplicates --width? --traditional',
  }),
  hexdump: fileReader({
    plain:
      '-b -c -C -d -o -x -v -e: -n: -s: --one-byte-octal --one-byte-char --canonical --no-squeezing --length= --skip= --format=',
    reads: '-f: --format-file=',
  }),
  strings: {
    worst: 'reads',
    read(words, place) {
      const file = words.filter(isText).find((word) => word.startsWith('@'))
      return file === undefined ? strings.read(words, place) : { failed: file }
    },
  },
  'base64 base32': reader({ plain: '-d -i -w: --decode --ignore-garbage --wrap=' }),
  cut: reader({
    plain:
      '-b: -c: -d: -f: -n -s -z --bytes= --characters= --delimiter= --fields= --complement --only-delimited --output-delimiter= --zero-terminated',
  }),
  paste: reader({ plain: '-d: -s -z --delimiters= --serial --zero-terminated' }),
  comm: reader({ plain: '-1 -2 -3 -z --check-order --nocheck-order --output-delimiter= --total --zero-terminated' }),
  cmp: program({
    options: { plain: '-b -i: -l -n: -s --print-bytes --ignore-initial= --verbose --bytes= --quiet --silent' },
    worst: 'reads',
    effect: ({ operands }, place) => ({ reads: pathsOf(operands, place), writes: [] }),
  }),
  diff,
  join: reader({
    plain:
      '-1: -2: -a: -e: -i -j: -o: -t: -v: -z --ignore-case --check-order --nocheck-order --header --zero-terminated',
  }),
  fold: reader({ plain: '-b -s -w: --bytes --spaces --width=' }, { hasNumbers: true }),
  fmt: reader(
    {
      plain:
        '-c -p: -s -t -u -w: -g: --crown-margin --prefix= --split-only --tagged-paragraph --uniform-spacing --width= --goal=',
    },
    { hasNumbers: true },
  ),
  'expand unexpand': reader({ plain: '-i -a -t: --initial --all --first-only --tabs=' }),
  column: fileReader({
    plain:
      '-t -s: -o: -c: -N: -x -n: -e -d -R: -H: -J --table --separator= --output-separator= --output-width= --table-columns= --fillrows --table-name= --json',
  }),
  readlink: fileReader({
    plain:
      '-f -e -m -n -q -s -v -z --canonicalize --canonicalize-existing --canonicalize-missing --no-newline --quiet --silent --verbose --zero',
  }),
  realpath: fileReader({
    plain:
      '-e -m -L -P -q -s -z --canonicalize-existing --canonicalize-missing --logical --physical --quiet --strip --no-symlinks --zero',
    reads: '--relative-to= --relative-base=',
  }),
  stat: fileReader({ plain: '-L -f -t -c: --dereference --file-system --terse --format= --printf= --cached=' }),
  df: fileReader({
    plain:
      '-a -B: -h -H -i -k -l -m -P -t: -T -x: --all --block-size= --human-readable --si --inodes --local --no-sync --sync --output? --portability --total --type= --print-type --exclude-type=',
  }),
  pathchk: fileReader({ plain: '-p -P --portability' }),
  'who users': fileReader({
    plain:
      '-a -b -d -H -l -m -p -q -r -s -t -T -u -w --all --boot --dead --heading --login --lookup --process --count --runlevel --short --time --mesg --message --users --writable',
  }),
  last: program({
    options: {
      plain:
        '-a -d -F -i -n: -p: -R -s: -t: -w -x --limit= --since= --until= --present= --hostlast --dns --fulltimes --ip --nohostname --fullnames --system',
      reads: '-f: --file=',
    },
    style: { hasNumbers: true },
    worst: 'reads',
    effect: () => ({ reads: [], writes: [] }),
  }),
  'grep egrep fgrep': grep,
  zcat: program({
    options: { plain: '-f -q -v --force --quiet --verbose' },
    worst: 'reads',
    effect: ({ operands }, place) => ({ reads: compressed(operands, place), writes: [] }),
  }),
  zgrep: program({
    options: { plain: '-E -F -i -n -c -l -v -h -H -w -x -q -s -o', pattern: '-e:' },
    worst: 'unclear',
    counts: true,
    effect: ({ operands, has }, place) => ({
      reads: compressed(has('pattern') ? operands : operands.slice(1), place),
      writes: [],
    }),
  }),
  file: program({
    options: {
      plain:
        '-b -i -k -L -h -s -r -F: -N -n -0 --brief --mime --mime-type --mime-encoding --dereference --no-dereference --keep-going --raw --separator= --no-pad --extension',
      anywhere: '-f: --files-from=',
    },
    // It may write what it has compiled.
    worst: 'writes',
    effect: ({ operands }, place) => ({ reads: pathsOf(operands, place), writes: [] }),
  }),
  sort: program({
    options: {
      plain:
        '-b -d -f -g -i -M -h -n -R -r -V -c -C -m -s -u -z -k: -t: -S: --ignore-leading-blanks --dictionary-order --ignore-case --general-numeric-sort --ignore-nonprinting --month-sort --human-numeric-sort --numeric-sort --random-sort --reverse --sort= --version-sort --batch-size= --check? --debug --key= --merge --stable --buffer-size= --field-separator= --parallel= --unique --zero-terminated',
      reads: '--random-source=',
      writes: '-o: --output=',
      anywhere: '--files0-from=',
    },
    // It may write a file or run a program.
    worst: 'unclear',
    effect: ({ operands }, place) => ({ reads: pathsOf(operands, place), writes: [] }),
  }),
  shuf: program({
    options: {
      plain: '-i: -n: -r -z --input-range= --head-count= --repeat --zero-terminated',
      echo: '-e --echo',
      reads: '--random-source=',
      writes: '-o: --output=',
    },
    worst: 'unclear',
    effect: ({ operands, has }, place) => ({ reads: has('echo') ? [] : pathsOf(operands, place), writes: [] }),
  }),
  tsort: reader({}),
  // A second operand is written.
  uniq: program({
    options: {
      plain:
        '-c -d -D -i -u -z -f: -s: -w: --count --repeated --all-repeated? --skip-fields= --group? --ignore-case --skip-chars= --unique --zero-terminated --check-chars=',
    },
    worst: 'writes',
    counts: true,
    effect({ operands }, place) {
      const old = operands.filter(isText).find((word) => word.startsWith('+'))
      if (old !== undefined) return { failed: old }
      return { reads: pathsOf(operands.slice(0, 1), place), writes: pathsOf(operands.slice(1), place) }
    },
  }),
}
