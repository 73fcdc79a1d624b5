#!/usr/bin/env node
// `npx stratolith COMMAND`: up, status, doctor, down, routes; `--help` lists them.
import './node-version.js'

import('./run-cli.js')
