/** Words for scripts: those of a list are separated by a line break or two blanks. */
const listed = (text: string): readonly string[] => text.trim().split(/ {2,}|\n/)

export const PATHS: readonly string[] = listed(String.raw`
a  b  d  d/e  d/s  vault  vault/secret  vault/more  new  d/new  link  link/secret  flink  d/up  d/up/secret  d/f
away/secret  away  dang  names  sums  script  .  none  /mnt/out/secret  /dev/null  /tmp/x
`)

export const DIRECTORIES: readonly string[] = listed(String.raw`
d  vault  link  d/up  d/s  .  ..  ../u  away  /mnt/u  /mnt/u/link  none  d/abs  ~  /proc/self/cwd  /dev/fd
`)

export const NAMES: readonly string[] = listed(String.raw`
a  secret  e  new  f  u  vault  .  ..  b  more  d
`)

export const ODD_PATHS: readonly string[] = listed(String.raw`
/proc/self/cwd/a  /proc/self/cwd/vault/secret  /dev/fd/../cwd/vault/secret  /proc/self/root/mnt/u/a  /dev/stdin
/dev/fd/0  /proc/self/fd/0  /proc/self/environ  link/../secret  away/../u/vault/secret  d/../vault/secret  x y
'x y'  -r  -  ./-r  '~'/a  "~/a"  \~/a  ~+/a  ~root/x  ''  a/  d//  /mnt/u/../out/secret  d/up/../secret  link/
/dev/tcp/127.0.0.1/9  /dev/tcp/$x/9  /dev/$x/127.0.0.1/9  "/dev/udp/127.0.0.1/$x"  vault/inner  vault/inner/deep  /dev/stdout  @vault/secret  @b  /proc/1/cwd  file:a  a=b
%h/a  ~~/a  ~:a
`)

export const GLOBS: readonly string[] = listed(String.raw`
*  d/*  vault/*  va*  va*/secret  ?  [ab]  [!b]  {a,b}  vault/{secret,more}  */secret  /mnt/u/*  **  a*  "a"*
{x},a}  {},a}  {a}{,b}  {a,b}c,d}  '*'  \*  @(a|b)  !(a)  {1..3}  [[:lower:]]  {a,}  d/[e-f]  {a,b  [a  .*
`)

export const PLAIN_WORDS: readonly string[] = listed(String.raw`
a  x  one  secret  hello  1  -n  -r  -  --  .  rm  ls  cat  vault/secret  b  d  -f  -v  -e  HOME  PATH
`)

export const ODD_WORDS: readonly string[] = [
  ...listed(String.raw`
''  ""  'x y'  "a b"  \a  #  a#b  !  {  }  x=1  +x  %s  '%s\n'  '\'  "\""  "\$x"  $'\n'  $  "$"  =  [  ]  []
a\ b  {}  ;a  -0  !!  !a  '$(rm a)'  ^  $x$y  \$x  ""$x  ~  0x1  1e3  +
`),
  '\\\\',
  '\\ ',
  "'`rm a`'",
  '"`rm a`"',
]

export const EVIL_NAMES: readonly string[] = [
  ...listed(String.raw`
'a[$(rm a)]'  'x[$(cat vault/secret)]'  'x[$(rm a)0]'  "a[\$(rm a)]"  a['$(rm a)']  'x=a[$(rm a)]'  'x[0]'  'a$(rm a)'  "a\$(rm a)"  '$(rm a)'  '$x'  'a*'  'a;rm a'
`),
  "'a[`rm a`]'",
]

export const NUMBERS: readonly string[] = listed(String.raw`
1  0  2  5  -1  +1  10  1k  3  0.1  007
`)

export const PLAIN_VARIABLES: readonly string[] = listed(String.raw`
x  y  z  a
`)

export const VARIABLES: readonly string[] = listed(String.raw`
x  x  x  y  y  z  a  i  f  x1  LANG  LC_ALL  TZ  TERM  COLUMNS  HOME  PWD  OLDPWD  IFS  PATH  PATH  BASH_ENV
ENV  CDPATH  PS4  PROMPT_COMMAND  LD_PRELOAD  SHELLOPTS  BASHOPTS  GLOBIGNORE  TMPDIR  TMPPREFIX
POSIXLY_CORRECT  OPTIND  OPTARG  REPLY  MAPFILE  RANDOM  SECONDS  LINENO  UID  _  path  cdpath  histchars
EXECIGNORE  FIGNORE  BASH_LOADABLES_PATH  DIRSTACK  HISTFILE  TAPE  GREP_OPTIONS  GREP_COLOR  LS_COLORS  TIME
QUOTING_STYLE  XARGS  MAIL  MAILPATH  COMP_WORDBREAKS  LOCPATH  NLSPATH  TERMINFO  LANGUAGE  TIMEFORMAT
FUNCNEST  BASH_XTRACEFD  BASH_COMPAT  GZIP  SORT
`)

export const PUNCTUATION: readonly string[] = [
  ...listed(String.raw`
;  &  |  &&  ||  (  )  {  }  <  >  >>  <<  <<<  "  '  $  #  !  ~  *  ?  [  ]  =  $(  $((  ))  <(  >(  --  -  /
..  ~/  $'  $"  &>  >&  2>  ;;  {a,b}  :  ,  %  @  ^  +  !(  é
`),
  '`',
  '\\',
  '\n',
  ' ',
  '\t',
  '${',
  '\\\n',
  '\u00a0',
  '\r',
  '\u000b',
]

/** What a random piece of syntax may follow. */
export const STARTS: readonly string[] = [
  ...listed(String.raw`
cat  echo  cat a  echo x  ls  cat <<E  cat <<'E'  cat a;  true &&  echo "  echo '  echo $(  case a in a)  for x in
if true; then  f() {  { cat a;  (cat a  cat >new  x=  ! cat a
`),
  'echo ${x:-',
]

export const SYNTAX: readonly string[] = [
  ...listed(String.raw`
;  ;  &&  ||  |  &  (  )  {  }  "  "  '  '  \  $  $(  $((  )  ))  <<E  <<'E'  <<-E  <<\E  E  #  rm a  cat vault/secret
>new  <a  2>&1  case a in  a)  ;;  esac  if  then  else  fi  for x in a  do  done  while  until  f()  time  !
[[  ]]  [  ]  select  function  coproc  in  $x  "$x"  x=  x=a  x+=b  \"  \'  $'a'  $"a"  \$  &>  >&  >|  <>  <<<
{a,b}  ~  *  ?  -  =  +  ..  ./  ;&  ;;&  |&  %  ^  @(  +(  !(  ,  :  a=(b)  a[0]=b
`),
  '`',
  '${',
  '\\\n',
  '\\',
  '\t',
  '\n',
  '\nE\n',
  'E\n',
]
