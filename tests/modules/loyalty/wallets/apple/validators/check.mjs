// Asks two other builders of passes about each pass.json. In: {name: pass.json}. Out: {name: [complaints]}.

import { text } from "node:stream/consumers";
import passJs from "@walletpass/pass-js";
import { PKPass } from "passkit-generator";

const said = [];
for (const way of ["warn", "error", "log"]) {
  console[way] = (...words) => said.push(words.join(" "));
}

function complaintsOf(pass) {
  said.length = 0;
  try {
    const files = { "pass.json": Buffer.from(JSON.stringify(pass)), "icon.png": Buffer.alloc(1) };
    const read = new PKPass(files);
    for (const part of ["header", "primary", "secondary", "auxiliary", "back"]) {
      const wanted = pass.storeCard[`${part}Fields`] ?? [];
      if (read[`${part}Fields`].length !== wanted.length) said.push(`${part}Fields: some were dropped`);
    }
    for (const key of Object.keys(pass)) {
      if (key !== "storeCard" && key !== "barcode" && !(key in read.props)) said.push(`${key} was dropped`);
    }
  } catch (fault) {
    said.push(`passkit-generator: ${fault}`);
  }
  try {
    new passJs.Template("storeCard", pass);
  } catch (fault) {
    said.push(`pass-js: ${fault}`);
  }
  return [...said];
}

const passes = JSON.parse(await text(process.stdin));
const found = Object.fromEntries(Object.entries(passes).map(([name, pass]) => [name, complaintsOf(pass)]));
process.stdout.write(JSON.stringify(found));
