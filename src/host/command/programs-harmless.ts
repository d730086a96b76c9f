import { isText } from './options.ts'
import { harmless, NOTHING, pathsOf, program, type Program } from './program.ts'

/** Programs that do nothing with files, or only with their own few options. By names, as those below. */
export const HARMLESS: Readonly<Record<string, Program>> = {
  // None of their options reads, writes or runs anything.
  'whoami id groups uname w tr sleep seq yes tty logname nproc arch basename dirname expr factor numfmt': harmless,
  'ps free uptime pidof cal': harmless,
  printenv: harmless,
  vmstat: program({
    options: { plain: '-a -d -D -f -m -n -s -t -w -S: -p:' },
    worst: 'nothing',
    effect: () => NOTHING,
  }),
  pgrep: program({
    options: {
      plain:
        '-a -c -d: -f -g: -G: -i -l -n -o -P: -s: -t: -u: -U: -v -w -x --count --delimiter= --list-name --list-full --newest --oldest --parent= --full --exact --euid= --uid= --group= --inverse --ignore-case',
      reads: '-F: --pidfile=',
    },
    worst: 'reads',
    effect: () => NOTHING,
  }),
  lscpu: program({
    options: { plain: '-a -b -c -J -x -y --all --online --offline --json --hex --physical' },
    worst: 'reads',
    effect: () => NOTHING,
  }),
  lsblk: program({
    options: {
      plain:
        '-a -b -d -e: -f -i -I: -J -l -m -n -o: -O -p -P -r -s -S -t --all --bytes --nodeps --fs --json --list --noheadings --output= --paths --pairs --raw',
    },
    worst: 'reads',
    effect: ({ operands }, place) => ({ reads: pathsOf(operands, place), writes: [] }),
  }),
  lsmod: program({ options: {}, worst: 'reads', effect: () => NOTHING }),
  locale: program({
    options: { plain: '-a -m -c -k --all-locales --charmaps --category-name --keyword-name' },
    worst: 'reads',
    effect: () => NOTHING,
  }),
  getconf: program({
    options: { plain: '-a' },
    // -v runs a program.
    worst: 'unclear',
    counts: true,
    effect: ({ operands }, place) => ({ reads: pathsOf(operands.slice(1), place), writes: [] }),
  }),
  // A second name would be where the program is looked for.
  which: program({ options: { plain: '-a -s' }, worst: 'reads', effect: () => NOTHING }),
  hostname: program({
    options: {
      plain:
        '-a -A -d -f -i -I -s -y --alias --all-fqdns --all-ip-addresses --domain --fqdn --long --ip-address --short',
    },
    worst: 'unclear',
    effect: ({ operands }) =>
      operands.length > 0 ? { ...NOTHING, opaque: 'hostname may set the name of the host' } : NOTHING,
  }),
  date: program({
    options: {
      plain: '-u -R -I? -d: --utc --universal --rfc-email --iso-8601? --rfc-3339= --date= --debug',
      reads: '-r: --reference= -f: --file=',
      sets: '-s: --set=',
    },
    worst: 'unclear',
    effect: ({ operands, has }) =>
      has('sets') || operands.some((word) => isText(word) && !word.startsWith('+'))
        ? { ...NOTHING, opaque: 'date may set the clock' }
        : operands.every(isText)
          ? NOTHING
          : { failed: '' },
  }),
}
