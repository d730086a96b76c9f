#!/usr/bin/env node
import { createRequire } from 'node:module'
const { main } = createRequire(import.meta.url)('../dist/pam-gateway/main.js')
await main(process.argv.slice(2))
