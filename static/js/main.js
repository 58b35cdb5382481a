// Starts what a page needs. Every page is complete without it.
import { startFeed } from "./feed.js";
import { startPreviews } from "./confirm.js";
import { startMenus } from "./menus.js";
import { startMatrix } from "./matrix.js";
import { startHolding } from "./holding.js";
import { settle } from "./patch.js";
import { startTheme } from "./look.js";

startTheme();
startMenus();
startMatrix();
startPreviews();
startHolding(settle);
startFeed();
