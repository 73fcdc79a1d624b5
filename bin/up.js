#!/usr/bin/env node
// `npm run up`: installs what is missing, saying what and why, then runs the cloud.
import './node-version.js'

import('./set-up-and-run.js')
