import type { Examples } from '../shared/program-help.ts'

/** What help and the reference show of each command. A test parses them all. */
export const EXAMPLES: Examples = {
  init: [
    'pam-gateway init',
    'pam-gateway init --output /etc/pam/pam.yaml --public-url https://pam.example.com --behind-proxy',
  ],
  schema: ['pam-gateway schema > pam.schema.json'],
  'hash-password': ['pam-gateway hash-password < password.txt'],
  start: ['pam-gateway start --config /etc/pam/pam.yaml'],
  check: ['pam-gateway check --config pam.yaml', 'pam-gateway check --config pam.yaml --connect'],
  backup: ['pam-gateway backup --config /etc/pam/pam.yaml /var/backups/pam/2026-11-30'],
  'recordings gc': ['pam-gateway recordings gc --config /etc/pam/pam.yaml --dry-run'],
  'rotate-key': ['pam-gateway rotate-key --config /etc/pam/pam.yaml'],
  'secret set': ['pam-gateway secret set --config /etc/pam/pam.yaml prod-db'],
  'secret list': ['pam-gateway secret list --config /etc/pam/pam.yaml'],
  'secret rotate': ['pam-gateway secret rotate --config /etc/pam/pam.yaml'],
  'secret rm': ['pam-gateway secret rm --config /etc/pam/pam.yaml prod-db'],
  'ssh-ca init': ['pam-gateway ssh-ca init /etc/pam/ssh-ca.key'],
  'ssh-ca public': ['pam-gateway ssh-ca public /etc/pam/ssh-ca.key'],
}
