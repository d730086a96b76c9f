import { item } from '../../shared/item.ts'
import { isText, type Word } from './options.ts'
import { ANYWHERE, placePath, type Place } from './paths.ts'
import { NOTHING, program, trees, type Program, type ProgramEffect, type Worst } from './program.ts'
import type { OptionTable } from './options.ts'

/** Lists what it is given, or the directory that it runs in; with `deep`, all that is below. */
const lists = (options: OptionTable, always: boolean, worst: Worst): Program =>
  program({
    options,
    worst,
    effect({ operands, has }, place) {
      const places = (operands.length === 0 ? ['.'] : operands).map((word) => placePath(word, place))
      return { reads: always || has('deep') ? trees(places) : places, writes: [] }
    },
  })

export const LISTINGS: Readonly<Record<string, Program>> = {
  'ls dir vdir': lists(
    {
      plain:
        '-a -A -b -B -c -C -d -f -F -g -G -h -i -I: -k -l -m -n -N -o -p -q -Q -r -s -S -t -T: -u -U -v -w: -x -X -1 -Z -H --all --almost-all --author --escape --block-size= --ignore-backups --color? --directory --classify? --file-type --format= --full-time --group-directories-first --no-group --human-readable --si --dereference-command-line --dereference-command-line-symlink-to-dir --hide= --hyperlink? --indicator-style= --inode --ignore= --kibibytes --numeric-uid-gid --literal --hide-control-chars --show-control-chars --quote-name --quoting-style= --reverse --size --sort= --time= --time-style= --tabsize= --width= --context --zero',
      deep: '-R --recursive',
      anywhere: '-L --dereference',
    },
    false,
    'reads',
  ),
  du: lists(
    {
      plain:
        '-0 -a -b -B: -c -d: -D -h -H -k -l -m -P -s -S -t: -x --null --all --apparent-size --block-size= --bytes --total --max-depth= --dereference-args --human-readable --inodes --count-links --no-dereference --separate-dirs --si --summarize --threshold= --time? --time-style= --exclude= --one-file-system',
      reads: '-X: --exclude-from=',
      anywhere: '-L --dereference --files0-from=',
    },
    true,
    'reads',
  ),
  tree: lists(
    {
      plain:
        '-a -d -f -i -L: -P: -I: -p -s -h -u -g -D -F -C -n -x -r -t -v -c -q -N -Q -J -X --dirsfirst --noreport --du --prune --si --inodes --device --sort= --filelimit= --timefmt= --charset= --matchdirs --ignore-case',
      anywhere: '-l',
      writes: '-o:',
    },
    true,
    'unclear',
  ),
  find: { worst: 'unclear', read: find },
}

/** Where it starts, then an expression of which every word is understood. What `-exec` runs is read elsewhere. */
function find(words: readonly Word[], place: Place): ProgramEffect | { readonly failed: string } {
  let at = 0
  let follows = false
  const options: readonly unknown[] = ['-H', '-L', '-P']
  for (; at < words.length && options.includes(words[at]); at++) follows ||= words[at] === '-L'
  const starts: Word[] = []
  for (; at < words.length; at++) {
    const word = item(words, at)
    if (!isText(word) && !word.isOperand) return { failed: '' }
    if (isText(word) && /^[-(!,)]/.test(word)) break
    starts.push(word)
  }
  const below = trees((starts.length === 0 ? ['.'] : starts).map((word) => placePath(word, place)))
  const reads: string[] = []
  const writes: string[] = []
  for (; at < words.length; at++) {
    const word = item(words, at)
    if (!isText(word)) return { failed: '' }
    if (FIND_PLAIN.has(word)) continue
    if (word === '-follow') follows = true
    else if (word === '-delete') writes.push(...below)
    else if (FIND_VALUED.has(word) || FIND_READS.has(word) || FIND_WRITES.has(word)) {
      const value = words[++at]
      if (value === undefined || (!isText(value) && !value.isSingle))
        return { failed: isText(word) && value === undefined ? word : '' }
      if (FIND_READS.has(word)) reads.push(placePath(value, place))
      if (FIND_WRITES.has(word)) writes.push(placePath(value, place))
      if (word === '-fprintf') at++
    } else return { failed: word }
  }
  // Behind links it leaves the tree, with all that it does.
  const outside = follows ? [ANYWHERE] : []
  return {
    ...NOTHING,
    reads: [...below, ...reads, ...outside],
    writes: writes.length > 0 ? [...writes, ...outside] : [],
  }
}

const FIND_PLAIN = new Set(
  '( ) ! , -not -a -and -o -or -depth -d -mount -xdev -daystart -ignore_readdir_race -noignore_readdir_race -noleaf -empty -executable -readable -writable -true -false -nouser -nogroup -print -print0 -ls -prune -quit'.split(
    ' ',
  ),
)
const FIND_VALUED = new Set(
  '-maxdepth -mindepth -amin -atime -cmin -ctime -mmin -mtime -used -fstype -gid -group -ilname -lname -name -iname -inum -links -path -ipath -wholename -iwholename -perm -regex -iregex -regextype -size -type -xtype -uid -user -printf'.split(
    ' ',
  ),
)
const FIND_READS = new Set('-anewer -cnewer -newer -samefile'.split(' '))
const FIND_WRITES = new Set('-fprint -fprint0 -fls -fprintf'.split(' '))
