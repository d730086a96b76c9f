#!/usr/bin/env node
import { main } from '../dist/pam-gateway/main.js'
await main(process.argv.slice(2))
