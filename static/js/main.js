// Starts what a page needs. Every page is complete without it.
import { startFeed } from "./feed.js";
import { startPreviews } from "./confirm.js";
import { startMatrix } from "./matrix.js";
import { startTheme } from "./look.js";

startTheme();
startMatrix();
startPreviews();
startFeed();
