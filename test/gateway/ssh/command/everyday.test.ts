import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../../../src/gateway/ssh/command/command-line.ts'

const read = (text: string, shell: 'bash' | 'sh') =>
  readCommandLine(text, { login: 'jane', home: '/home/jane', shell }).statements

/** What people and their tools send all day: it must stay understood, however closed the tables are. */
const UNDERSTOOD = [
  'ls -la',
  'ls -lhtr /var/log',
  'ls --color=auto -F ~',
  'grep -rn "TODO" src',
  'grep -i error /var/log/syslog | tail -20',
  'grep -E -A3 -B2 "a|b" f',
  'zgrep -i error /var/log/syslog.1.gz',
  'find . -name "*.log" -mtime +7 -size +10M',
  'find /srv -type f \\( -name "*.a" -o -name "*.b" \\) -print0',
  'find . -maxdepth 1 -type d -exec ls -ld {} \\;',
  'tail -f /var/log/nginx/access.log',
  'tail -n 100 -F app.log',
  'head -5 f',
  'cat f | grep x | wc -l',
  'cat /proc/cpuinfo | grep processor | wc -l',
  'cat /proc/meminfo /proc/loadavg',
  'sort -t, -k2 -rn f | uniq -c | sort -rn | head',
  'cut -d: -f1 /etc/passwd | sort',
  'for f in a b; do echo "$f"; cat "$f"; done',
  'for i in 1 2 3; do echo $i; sleep 1; done',
  'for f in *.log; do wc -l "$f"; done',
  'while IFS= read -r line; do echo "$line"; done < list',
  'i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done',
  'ps aux',
  'ps -ef | grep nginx | grep -v grep',
  'df -h',
  'df -hT /srv',
  'du -sh /var/log',
  'du -h --max-depth=1 /srv | sort -h',
  'free -m',
  'uptime',
  'uname -a',
  'id; whoami; hostname',
  'hostname -f',
  'date',
  'date +%F',
  'date -u "+%Y-%m-%d %H:%M"',
  "date -d '1 day ago' +%s",
  'echo "today is $(date +%F) on $(hostname)"',
  'echo $HOME $USER',
  'printf "%s\\n" "$HOME"',
  'pwd; cd /srv/app && ls',
  'cd /srv/app && tail -n 50 log/production.log',
  'mkdir -p releases/1 && cp -p a releases/1/',
  'cp -r src dst',
  'mv old new',
  'ln -s releases/1 current',
  'rm -f tmp/x',
  'rm -rf build',
  'touch x',
  'chmod +x run.sh',
  'chmod 644 f',
  'chmod -R u=rwX,go=rX site',
  'chown -R deploy:deploy site',
  'test -f /etc/debian_version && echo debian',
  'if [ -d /srv/app ]; then ls /srv/app; else echo none; fi',
  '[ -z "$SSH_TTY" ] || echo terminal',
  'command -v git',
  'which python3',
  'type ls',
  'stat -c %s f',
  'md5sum f',
  'sha256sum -b f',
  'diff -u a b',
  'cmp a b',
  'wc -l f',
  'tee out.log < in.log',
  'echo hello > greeting; cat greeting',
  'echo x >> log 2>&1',
  'ls missing 2>/dev/null || true',
  'sleep 1 & wait',
  'set -e; ls; ls',
  'set -euo pipefail; ls',
  'timeout 5 cat f',
  'nice -n 10 du -s /srv',
  'env LANG=C sort f',
  'LC_ALL=C ls',
  'export LANG=C.UTF-8; ls',
  'time ls',
  'xargs -0 -n1 echo < list0',
  'ls | xargs -I{} echo {}',
  'seq 1 10 | tail -n 1',
  'base64 -d < f',
  'od -c f | head',
  'cat <<EOF\nhello $USER\nEOF',
  "cat > f <<'EOF'\nhello\nEOF",
  'case "$1" in a) echo a;; *) echo other;; esac',
  'f() { echo "$1"; }; f x',
  'echo $((1 + 2))',
  'sh -c "echo hi"',
  "/bin/sh -c 'echo ~ && sleep 0'",
  'readlink -f current',
  'realpath .',
  'basename /a/b .c',
  'lscpu; lsblk; nproc',
  'who; w; last -n 5',
  'pgrep -fl nginx',
  'mapfile -t lines < f; echo "${lines}"',
  'kill_me=no; exit 0',
  'umask 022; touch f',
  'ls \\\n  -la \\\n  /etc',
  'IFS=:; echo "$PATH"',
]

describe('ordinary command lines', () => {
  it.each(UNDERSTOOD.map((text) => [text]))('are understood by either shell: %s', (text) => {
    for (const shell of ['bash', 'sh'] as const) {
      expect(read(text, shell).flatMap(({ unknown, opaque }) => [...unknown, ...opaque])).toEqual([])
    }
  })

  it.each(
    [
      'echo {a,b}',
      'diff <(ls a) <(ls b)',
      'cat <<< text',
      'ls &> out',
      "echo $'a\\tb'",
      'function f { ls; }; f',
      'ls |& tail -1',
      'exec 12> out',
      "IFS=$'\\n'; ls",
      'make_it=1; ls >& out',
    ].map((text) => [text]),
  )('are understood in bash, and nowhere else: %s', (text) => {
    const unknown = (shell: 'bash' | 'sh') => read(text, shell).flatMap((statement) => statement.unknown)
    expect(unknown('bash')).toEqual([])
    expect(unknown('sh').length).toBeGreaterThan(0)
  })

  it.each(
    [
      'journalctl -u nginx --since today',
      'systemctl status nginx',
      'tar czf - site',
      'tar -C / -xf x.tar',
      'docker ps',
      'curl -s localhost',
      'git status',
      'kill -HUP 1',
      'crontab -l',
      'ip addr',
      'ss -ltnp',
      'mktemp -d',
      'sed -n 1p f',
      'make',
      './deploy.sh now',
    ].map((text) => [text]),
  )('are left to rules that name the program: %s', (text) => {
    expect(read(text, 'bash')).toEqual([
      expect.objectContaining({ unknown: [], opaque: [expect.any(String)], reads: [], writes: [] }),
    ])
  })
})
